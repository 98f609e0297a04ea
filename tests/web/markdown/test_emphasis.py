from __future__ import annotations

import pytest
from sightline_web.markdown.renderer import render_markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**注意：**请看", "<p><strong>注意：</strong>请看</p>"),
        ("**注意:**请看", "<p><strong>注意:</strong>请看</p>"),
        ("这是**“重点”**。", "<p>这是<strong>“重点”</strong>。</p>"),
        ("结果是**42%**左右", "<p>结果是<strong>42%</strong>左右</p>"),
        ("*（斜体）*文字", "<p><em>（斜体）</em>文字</p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("_word_ __bold__", "<p><em>word</em> <strong>bold</strong></p>"),
        ("a**“b”**c", "<p>a**“b”**c</p>"),
    ],
)
def test_emphasis_opens_and_closes_where_a_reader_expects_it(text: str, html: str) -> None:
    assert render_markdown(text).strip() == html
