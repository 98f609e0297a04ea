"""Refusals that a person reads on the page."""

from __future__ import annotations


class PageError(Exception):
    """Means that what a person sent cannot be used; the message says what to change."""

    def __init__(self, message: str, http_status: int = 422) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
