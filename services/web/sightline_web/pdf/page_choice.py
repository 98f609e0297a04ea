"""Which pages a person asks for: "1-3, 5"."""

from __future__ import annotations

import re

_SEPARATOR = re.compile(r"[\s,;，、；]+")
_RANGE = re.compile(r"(?P<first>[0-9]{1,5})(?:[-–—~～](?P<last>[0-9]{1,5}))?")
_AROUND_DASH = re.compile(r"\s*([-–—~～])\s*")
MAX_LENGTH = 200


class PageChoiceError(ValueError):
    """Means that the words name no pages, or too many."""


def parse_pages(words: str, max_pages: int) -> list[int]:
    """Returns page numbers from one, each once, in the order of the words.

    Raises PageChoiceError for what is no such list, and for more than `max_pages`.
    """
    pages: dict[int, None] = {}
    for part in _SEPARATOR.split(_AROUND_DASH.sub(r"\1", words[:MAX_LENGTH].strip())):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise PageChoiceError(part)
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if not 1 <= first <= last or last - first >= max_pages:
            raise PageChoiceError(part)
        pages.update(dict.fromkeys(range(first, last + 1)))
        if len(pages) > max_pages:
            raise PageChoiceError(words)
    return list(pages)
