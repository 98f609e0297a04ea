"""From samples to trained weights."""
