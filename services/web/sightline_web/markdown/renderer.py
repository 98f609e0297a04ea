"""One parser for all answers."""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.utils import EnvType
from markupsafe import Markup

from sightline_web.markdown.code import highlighted
from sightline_web.markdown.emphasis import emphasis_plugin
from sightline_web.markdown.formulas import formulas_plugin
from sightline_web.markdown.sanitizer import sanitized

MAX_REMEMBERED_CHARACTERS = 4096
NUM_REMEMBERED = 2048
"""So that a long conversation opens fast the second time; about 40 MB at the very most."""
MAX_LENGTH = 200_000
MAX_MARKS = 8_000
"""More of what may open and close something take the square of their number."""
_MARKS = "*_~[`"

# Pictures in an answer would be fetched from wherever it says.
_parser = (
    MarkdownIt("commonmark", {"html": False, "breaks": True, "highlight": highlighted})
    .enable(["table", "strikethrough"])
    .disable("image")
    .use(emphasis_plugin)
    .use(formulas_plugin)
)


def parse(text: str, env: EnvType) -> list[Token]:
    """Returns the tokens of a text; `map` holds the lines of each block.

    A text that would take seconds is one block of code: shown as it is written.
    """
    if len(text) > MAX_LENGTH or sum(map(text.count, _MARKS)) > MAX_MARKS:
        lines = [0, text.count("\n") + 1]
        return [Token("code_block", "code", 0, content=text, map=lines, block=True)]
    return _parser.parse(text, env)


def render_tokens(tokens: list[Token], env: EnvType) -> Markup:
    """Returns tokens as HTML, sanitised after rendering, so that nothing slips through."""
    return Markup(sanitized(_parser.renderer.render(tokens, _parser.options, env)))


def render_markdown(text: str) -> Markup:
    """Returns a whole answer as HTML; those that are not very long are remembered."""
    return _rendered(text) if len(text) <= MAX_REMEMBERED_CHARACTERS else _render(text)


def _render(text: str) -> Markup:
    env: dict[str, object] = {}
    return render_tokens(parse(text, env), env)


_rendered = lru_cache(NUM_REMEMBERED)(_render)
