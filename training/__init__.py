"""How sightline-nano is made: its world, its talk, its trainer and its evaluation."""
