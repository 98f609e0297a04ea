from __future__ import annotations

import re

import pytest
from sightline_web.markdown.code import MAX_HIGHLIGHTED_LENGTH
from sightline_web.markdown.renderer import render_markdown


def test_known_languages_are_coloured_by_classes_alone() -> None:
    html = render_markdown("```python\ndef f(): return '<b>'\n```")
    assert '<span class="k">def</span>' in html
    assert "&lt;b&gt;" in html and "style=" not in html


@pytest.mark.parametrize("language", ["nonsense", "", "python<script>", "../x"])
def test_code_of_other_languages_keeps_its_words(language: str) -> None:
    html = render_markdown(f"```{language}\nx < 1\n```")
    assert re.sub("<[^>]*>", "", html).strip() == "x &lt; 1"


def test_very_long_code_stays_uncoloured() -> None:
    code = "x = 1\n" * MAX_HIGHLIGHTED_LENGTH
    assert "<span" not in render_markdown(f"```python\n{code}```")
