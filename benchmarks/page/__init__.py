"""What the page costs its readers and its server."""
