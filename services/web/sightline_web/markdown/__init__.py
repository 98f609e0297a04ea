"""Markdown that a model writes, as HTML that is safe to put into a page."""
