"""Words that name pages."""

from __future__ import annotations

import pytest
from sightline_web.pdf.page_choice import PageChoiceError, parse_pages


@pytest.mark.parametrize(
    ("words", "pages"),
    [
        ("1", [1]),
        ("1-3, 5", [1, 2, 3, 5]),
        ("5 1 - 3", [5, 1, 2, 3]),
        ("2–4，6、8", [2, 3, 4, 6, 8]),
        ("1-3,2-4", [1, 2, 3, 4]),
        ("１", None),
        ("0", None),
        ("3-1", None),
        ("1-9", None),
        ("1-5,6-9", None),
        ("1,,2", [1, 2]),
        ("all", None),
        ("-1", None),
        ("1-99999", None),
        ("9" * 300, None),
        ("", None),
    ],
)
def test_words_name_pages_or_are_refused(words: str, pages: list[int] | None) -> None:
    if pages is None:
        with pytest.raises(PageChoiceError):
            parse_pages(words, 8)
    else:
        assert parse_pages(words, 8) == pages
