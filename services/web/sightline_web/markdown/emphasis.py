"""Emphasis that knows Chinese, Japanese and Korean text.

CommonMark decides by white space and punctuation where `**` may open and close; text without
spaces then loses its bold in `**注意：**请看`. The rule here lets characters of these scripts
stand for white space beside punctuation, as the amendment "markdown-cjk-friendly" proposes.
"""

from __future__ import annotations

import unicodedata

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline.state_inline import Delimiter, StateInline

_WIDE = frozenset("WFH")


def emphasis_plugin(markdown: MarkdownIt) -> None:
    """Takes the place of CommonMark's rule for `*` and `_`."""
    markdown.inline.ruler.at("emphasis", _tokenize)


def _tokenize(state: StateInline, silent: bool) -> bool:
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    end = _run_end(state, marker)
    can_open, can_close = _flanks(state, state.pos, end, marker)
    length = end - state.pos
    for _ in range(length):
        state.push("text", "", 0).content = marker
        token = len(state.tokens) - 1
        state.delimiters.append(Delimiter(ord(marker), length, token, -1, can_open, can_close))
    state.pos = end
    return True


def _run_end(state: StateInline, marker: str) -> int:
    end = state.pos
    while end < state.posMax and state.src[end] == marker:
        end += 1
    return end


def _flanks(state: StateInline, start: int, end: int, marker: str) -> tuple[bool, bool]:
    """Tells whether a run of markers may open and may close emphasis."""
    before = state.src[start - 1] if start else " "
    after = state.src[end] if end < state.posMax else " "
    left = _leans_on(after, before)
    right = _leans_on(before, after)
    if marker == "*":
        return left, right
    return left and (not right or _is_punctuation(before)), right and (
        not left or _is_punctuation(after)
    )


def _leans_on(inner: str, outer: str) -> bool:
    """Tells whether a run touches the text on its inner side."""
    if isWhiteSpace(ord(inner)):
        return False
    if _is_cjk(inner) or not _is_punctuation(inner):
        return True
    return isWhiteSpace(ord(outer)) or _is_punctuation(outer) or _is_cjk(outer)


def _is_punctuation(character: str) -> bool:
    return isMdAsciiPunct(ord(character)) or isPunctChar(character)


def _is_cjk(character: str) -> bool:
    return unicodedata.east_asian_width(character) in _WIDE
