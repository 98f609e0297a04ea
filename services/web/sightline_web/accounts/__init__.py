"""Who is asking: people who signed in, and programs with keys."""
