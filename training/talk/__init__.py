"""Questions and their true answers."""
