"""Conversations and pictures that outlive the process."""
