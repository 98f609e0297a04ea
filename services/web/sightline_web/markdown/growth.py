"""A text that grows: blocks that can no longer change are rendered once."""

from __future__ import annotations

from markdown_it.token import Token
from markupsafe import Markup

from sightline_web.markdown.renderer import parse, render_tokens


class GrowingText:
    """Finished blocks, and the tail that is rendered again with every growth.

    A top-level block is finished when another has begun behind it by a whole line: half of
    one, such as the digit of a list's next item, may still go on with the block. References
    that are defined later are the exception; the final rendering of the whole text resolves
    them.
    """

    def __init__(self) -> None:
        self.blocks: list[Markup] = []
        self.tail = Markup()
        self._text = ""
        self._start = 0

    def update(self, text: str) -> None:
        """Takes the text so far; one that does not begin as before starts anew."""
        if text == self._text:
            return
        if not text.startswith(self._text[: self._start]):
            self.blocks, self._start = [], 0
        self._text = text
        env: dict[str, object] = {}
        tail = text[self._start :]
        tokens = parse(tail, env)
        last = _last_block(tokens, tail.count("\n"))
        if last:
            self.blocks.append(render_tokens(tokens[:last], env))
            self._start += _offset(tail, _first_line(tokens[last]))
            tokens = tokens[last:]
        self.tail = render_tokens(tokens, env)


def _last_block(tokens: list[Token], num_lines: int) -> int:
    """Returns the index at which the last top-level block begins that has a whole line."""
    indices = range(len(tokens) - 1, 0, -1)
    return next((i for i in indices if _begins_block(tokens[i], num_lines)), 0)


def _begins_block(token: Token, num_lines: int) -> bool:
    is_block = token.level == 0 and token.nesting >= 0 and token.map is not None
    return is_block and token.type != "inline" and _first_line(token) < num_lines


def _first_line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _offset(text: str, line: int) -> int:
    """Returns where a line begins."""
    offset = 0
    for _ in range(line):
        offset = text.index("\n", offset) + 1
    return offset
