"""Conversations to prompts, and tokens back to text."""
