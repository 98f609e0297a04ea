"""Teaching a finished model something new from rows of messages and pictures."""
