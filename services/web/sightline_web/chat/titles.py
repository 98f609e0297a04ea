"""Titles of conversations."""

from __future__ import annotations

from sightline_web.language import translated

TITLE_LENGTH = 60
MAX_TITLE_LENGTH = 200


def title_of(text: str) -> str:
    """Returns a conversation's first title: the beginning of its first question."""
    line = clean_title(text)
    if not line:
        return translated("Picture")
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def clean_title(text: str) -> str:
    """Returns text on one line, cut to what a title may hold."""
    return " ".join(text.split())[:MAX_TITLE_LENGTH]
