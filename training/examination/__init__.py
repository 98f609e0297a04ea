"""What the model is asked, and whether its answers are right."""
