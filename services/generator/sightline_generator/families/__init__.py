"""What differs between model types."""
