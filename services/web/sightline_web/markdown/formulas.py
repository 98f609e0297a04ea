r"""Formulas between `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, as MathML Core."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from math_core import LatexError, LatexToMathML

MAX_FORMULA_LENGTH = 4_000
"""Longer ones are shown as they are written."""
MAX_FORMULA_LINES = 60
MAX_EXPANSIONS = 200
_converter = LatexToMathML(fancy_error=False, max_expansions=MAX_EXPANSIONS)
_ALIGNED = re.compile(r'style="text-align: (left|right);[^"]*"')
_CLOSERS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)"}
_BLOCK_CLOSERS = {"$$": "$$", "\\[": "\\]"}
# As Pandoc has it: no space inside, no digit behind, so that $5 and $10 are prices.
_DOLLARS = re.compile(r"\$(?![\s$])((?:[^$\\]|\\.)*?(?<!\s))\$(?!\d)", re.DOTALL)


def formulas_plugin(markdown: MarkdownIt) -> None:
    """Adds the four forms; prices such as $5 and $10 stay text."""
    markdown.inline.ruler.before("escape", "formula", _inline)
    markdown.block.ruler.before(
        "fence", "formula_block", _block, {"alt": ["paragraph", "reference", "blockquote"]}
    )
    for name in ("formula", "formula_display", "formula_block"):
        markdown.add_render_rule(name, _render)


def mathml(latex: str, *, is_block: bool) -> str:
    """Returns a formula as MathML, or its source as code where it is not understood."""
    try:
        if len(latex) > MAX_FORMULA_LENGTH:
            raise ValueError("too long")
        html = _converter.convert_with_local_state(latex, displaystyle=is_block)
    except (LatexError, ValueError):
        return f"<code>{escape(latex)}</code>"
    return _ALIGNED.sub(r'class="is-\1"', html)


def _render(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    token = tokens[index]
    html = mathml(token.content.strip(), is_block=token.type != "formula")
    return f"<p>{html}</p>\n" if token.type == "formula_block" else html


def _inline(state: StateInline, silent: bool) -> bool:
    found = _bracketed(state) or _between_dollars(state)
    if found is None:
        return False
    latex, end, is_display = found
    if not silent:
        state.push("formula_display" if is_display else "formula", "math", 0).content = latex
    state.pos = end
    return True


def _bracketed(state: StateInline) -> tuple[str, int, bool] | None:
    """Finds a formula between two-character delimiters at the current position."""
    opener = state.src[state.pos : state.pos + 2]
    if opener not in _CLOSERS:
        return None
    end = state.src.find(_CLOSERS[opener], state.pos + 2, state.posMax)
    if end <= state.pos + 2:
        return None
    return state.src[state.pos + 2 : end], end + 2, opener in _BLOCK_CLOSERS


def _between_dollars(state: StateInline) -> tuple[str, int, bool] | None:
    if state.src[state.pos] != "$":
        return None
    # Bounded, so that many lone dollars cost no square of their number.
    match = _DOLLARS.match(state.src, state.pos, state.pos + MAX_FORMULA_LENGTH)
    return None if match is None or not match[1] else (match[1], match.end(), False)


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    closer = _BLOCK_CLOSERS.get(_line(state, start_line)[:2])
    if closer is None or state.is_code_block(start_line):
        return False
    last = _closing_line(state, start_line, end_line, closer)
    if last is None:
        return False
    if not silent:
        lines = [_line(state, number) for number in range(start_line, last + 1)]
        token = state.push("formula_block", "math", 0)
        token.content = "\n".join(lines).strip()[2:-2]
        token.map = [start_line, last + 1]
        token.block = True
        state.line = last + 1
    return True


def _closing_line(state: StateBlock, start_line: int, end_line: int, closer: str) -> int | None:
    """Returns the line that ends a formula, if nothing stands behind the end."""
    for number in range(start_line, min(end_line, start_line + MAX_FORMULA_LINES)):
        if state.sCount[number] < state.blkIndent:
            return None
        text = _line(state, number)[2 if number == start_line else 0 :].rstrip()
        if closer in text:
            return number if text.find(closer) == len(text) - 2 else None
    return None


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]
