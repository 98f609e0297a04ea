from __future__ import annotations

from random import Random

import pytest

from tests.training.world.printed import spelt, without_spaces
from training.world.posters import draw_poster


@pytest.mark.parametrize("seed", range(20))
def test_glyphs_are_those_of_the_rows_and_inside(seed: int) -> None:
    words, picture = draw_poster(Random(seed))
    assert picture.glyphs is not None
    whole = iter(without_spaces(words.text))
    # Where the poster is turned, some of its corners are cut off.
    assert all(character in whole for character in spelt(picture))
    for glyph in picture.glyphs:
        assert 0 <= glyph.center[0] < picture.image.width
        assert 0 <= glyph.center[1] < picture.image.height


def test_posters_hold_far_more_than_words() -> None:
    counts = [len(spelt(draw_poster(Random(seed))[1])) for seed in range(30)]
    assert sum(counts) / len(counts) > 30
