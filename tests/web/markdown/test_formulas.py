from __future__ import annotations

import time

import pytest
from sightline_web.markdown.formulas import MAX_FORMULA_LENGTH, mathml
from sightline_web.markdown.renderer import render_markdown

SQUARE = "<msup><mi>x</mi><mn>2</mn></msup>"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("so $x^2$.", f"<p>so <math>{SQUARE}</math>.</p>"),
        (r"so \(x^2\).", f"<p>so <math>{SQUARE}</math>.</p>"),
        ("是$x^2$吗", f"<p>是<math>{SQUARE}</math>吗</p>"),
        (r"so \[x^2\] ok", f'<p>so <math display="block">{SQUARE}</math> ok</p>'),
        ("$$\nx^2\n$$", f'<p><math display="block">{SQUARE}</math></p>'),
        ("\\[\nx^2\n\\]\nafter", f'<p><math display="block">{SQUARE}</math></p>\n<p>after</p>'),
    ],
)
def test_the_four_forms_become_mathml(text: str, html: str) -> None:
    assert render_markdown(text).strip() == html


@pytest.mark.parametrize(
    "text", ["$5和$10", "it costs $5 and $10", "a $ b $ c", r"\$x\$", "$", "$$"]
)
def test_prices_and_lone_dollars_stay_text(text: str) -> None:
    assert "<math" not in render_markdown(text)


def test_lines_of_a_formula_are_not_headings_or_lists() -> None:
    html = render_markdown("\\[\na\n= b\n- c\n\\]")
    assert "<h1>" not in html and "<li>" not in html and html.count("<math") == 1


@pytest.mark.parametrize("latex", [r"\ce{H2O}", r"\frac{", r"\unknown x"])
def test_what_is_not_understood_is_shown_as_written(latex: str) -> None:
    assert mathml(latex, is_block=False) == f"<code>{latex}</code>"


def test_columns_keep_their_side_without_inline_styles() -> None:
    html = render_markdown(r"$\begin{aligned}a&=b\\c&=d\end{aligned}$")
    assert 'class="is-right"' in html and " style=" not in html


@pytest.mark.parametrize(
    "text",
    [
        r"$\def\a{\a\a}\a$",
        "$" + "{" * 3000 + "$",
        "$" + r"\sqrt{" * 600 + "}" * 600 + "$",
        "$a " * 5000,
        "\\[\n" * 3000,
        "$$\n" * 3001,
        "\\(" * 5000,
        f"${'x' * MAX_FORMULA_LENGTH * 3}$",
    ],
)
def test_mathematical_bombs_end_soon(text: str) -> None:
    started = time.process_time()
    render_markdown(text)
    assert time.process_time() - started < 3
