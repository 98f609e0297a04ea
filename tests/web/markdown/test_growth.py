from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_web.markdown.growth import GrowingText
from sightline_web.markdown.renderer import render_markdown

BLOCKS = (
    "# Title",
    "A paragraph\nof two lines with **bold**.",
    "- one\n- two\n\n  still two",
    "1. first\n2. second",
    "```python\nx = 1\n\n\ny = 2\n```",
    "> quoted\n> more",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "\\[\nx = 1\n= 2\n\\]",
    "Heading\n===",
    "---",
    "**注意：**请看",
)


def shown(growing: GrowingText) -> str:
    return "".join(map(str, [*growing.blocks, growing.tail]))


@settings(deadline=None)
@given(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6), st.randoms())
def test_what_is_shown_at_the_end_is_the_whole_text_rendered_at_once(blocks, random) -> None:
    text = "\n\n".join(blocks)
    growing = GrowingText()
    position = 0
    while position < len(text):
        position += random.randint(1, 9)
        growing.update(text[:position])
    assert shown(growing) == render_markdown(text)


def test_finished_blocks_are_not_rendered_again() -> None:
    growing = GrowingText()
    growing.update("first\n\nsecond\n\nthi")
    before = list(growing.blocks)
    growing.update("first\n\nsecond\n\nthird and more")
    assert growing.blocks == before
    assert "first" not in growing.tail and "third and more" in growing.tail


def test_a_text_that_begins_otherwise_starts_anew() -> None:
    growing = GrowingText()
    growing.update("one\n\ntwo\n\nthree")
    growing.update("other")
    assert shown(growing) == render_markdown("other")
