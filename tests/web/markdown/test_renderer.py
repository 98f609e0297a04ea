"""Markdown that a model may write, and what may not come of it."""

from __future__ import annotations

import re

import pytest
from sightline_web.markdown.renderer import render_markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**red** circle", "<strong>red</strong>"),
        ("| a |\n|---|\n| 1 |", "<td>1</td>"),
        ("1. one\n2. two", "<li>two</li>"),
        ("```\nx < 1\n```", "x &lt; 1"),
        ("a\nb", "a<br>"),
        ("~~no~~", "<s>no</s>"),
        ("![x](https://e.org/p.png)", '!<a href="https://e.org/p.png"'),
        ("[x](https://example.com)", 'rel="noopener noreferrer nofollow"'),
    ],
)
def test_markdown_becomes_html(text: str, html: str) -> None:
    assert html in render_markdown(text)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![remote](https://evil.example/x.png)",
    "![data](data:image/svg+xml;base64,AAAA)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html,<script>)",
    "<a href='x' hx-get='/'>x</a>",
    "<svg onload=alert(1)>",
    "<style>*{display:none}</style>",
    "<iframe src=/>",
    '[x](https://a "\\" onmouseover=alert(1)")',
    "<!--<script>-->",
    "<form action=/c/1/delete method=post><button>",
    "[r]: javascript:alert(1)\n[r]",
    '<https://a/"onclick=alert(1)>',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_is_inert(text: str) -> None:
    html = render_markdown(text)
    tags = re.findall(r"<([a-z0-9]+)((?:\s[^>]*)?)>", html)
    assert {name for name, _attributes in tags} <= {"p", "a", "br", "code", "pre"}
    for _name, attributes in tags:
        names = re.findall(r'([a-z:-]+)="', re.sub(r'"[^"]*"', '""', attributes))
        assert set(names) <= {"href", "title", "rel"}
    assert not re.search(r'href="(?!https?:|mailto:)', html)


def test_deep_nesting_ends() -> None:
    assert render_markdown(">" * 5000 + "x")
    assert render_markdown("[" * 5000 + "x")
    assert render_markdown("*" * 5000 + "x")
