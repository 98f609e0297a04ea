"""What HTML may stand in an answer."""

from __future__ import annotations

import nh3

from sightline_web.markdown.code import CLASSES

_TEXT_TAGS = """
a blockquote br code em h1 h2 h3 h4 h5 h6 hr li ol p pre s span strong
table tbody td th thead tr ul
"""
_MATH_TAGS = """
math menclose merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms
mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover
"""
_ATTRIBUTES = {
    "a": "href title",
    "ol": "start",
    "math": "display",
    "menclose": "notation",
    "mfrac": "linethickness",
    "mi": "mathvariant",
    "mo": "form fence separator stretchy symmetric largeop movablelimits lspace rspace"
    " minsize maxsize accent",
    "mover": "accent",
    "munder": "accentunder",
    "munderover": "accent accentunder",
    "mpadded": "width height depth lspace voffset",
    "mspace": "width height depth",
    "mstyle": "displaystyle scriptlevel",
    "mtable": "displaystyle scriptlevel",
    "mtd": "columnspan rowspan",
}
_cleaner = nh3.Cleaner(
    tags={*_TEXT_TAGS.split(), *_MATH_TAGS.split()},
    attributes={tag: set(names.split()) for tag, names in _ATTRIBUTES.items()},
    allowed_classes={"span": set(CLASSES), "mtd": {"is-left", "is-right"}},
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)


def sanitized(html: str) -> str:
    """Returns HTML without anything that runs, loads, submits, or restyles the page."""
    return _cleaner.clean(html)
