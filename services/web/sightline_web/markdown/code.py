"""Code in colours."""

from __future__ import annotations

from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

MAX_HIGHLIGHTED_LENGTH = 20_000
"""Longer code, and code in a language that is not among those below, stays uncoloured."""
CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name)
_LANGUAGES = """
bash c c++ cpp c# csharp css diff docker dockerfile go golang html ini java javascript js json jsx
kotlin latex lua make makefile markdown md matlab nginx objc php powershell protobuf py python r rb
ruby rust rs scala sh shell sql swift tex toml ts tsx typescript xml yaml yml zig
"""
LANGUAGES = frozenset(_LANGUAGES.split())
_formatter = HtmlFormatter(nowrap=True)


def highlighted(code: str, language: str, _attributes: str = "") -> str:
    """Returns the inside of a `<pre><code>`: HTML whose spans have Pygments' classes."""
    if language.lower() not in LANGUAGES or len(code) > MAX_HIGHLIGHTED_LENGTH:
        return escape(code, quote=False)
    try:
        lexer = get_lexer_by_name(language.lower())
    except ClassNotFound:
        return escape(code, quote=False)
    return highlight(code, lexer, _formatter)
