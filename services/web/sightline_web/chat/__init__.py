"""The chat page: forms, jobs, and HTML that grows."""
