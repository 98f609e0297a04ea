from __future__ import annotations

import math
from random import Random

import pytest

from tests.training.world.printed import assert_boxes_hold_ink, spelt, without_spaces
from tests.training.world.test_fonts import needs_chinese
from training.world.alphabet import LATIN, has_chinese
from training.world.canvas import NARROW_SIDE, in_world
from training.world.fonts import Face, latin_faces
from training.world.scene import LONGEST_SIDE
from training.world.words import (
    LARGEST_X_HEIGHT,
    MOST_ON_A_LINE,
    MOST_TURN,
    MOST_WORDS,
    SMALLEST_X_HEIGHT,
    Words,
    draw_words,
    draw_words_picture,
    draw_x_height,
)

SEEDS = range(60)


def drawn(seed: int, difficulty: float = 1.0) -> Words:
    return draw_words(Random(f"words {seed}"), difficulty)


def test_text_separates_words_by_spaces_and_lines_by_breaks() -> None:
    words = Words((("one", "two"), ("three",)))
    assert words.text == "one two\nthree"
    assert words.words == ("one", "two", "three")


def test_there_are_one_to_four_words_on_short_lines() -> None:
    counts = set()
    for seed in range(400):
        words = drawn(seed)
        counts.add(len(words.words))
        assert all(len(" ".join(line)) <= MOST_ON_A_LINE for line in words.lines)
    assert counts == set(range(1, MOST_WORDS + 1))


def test_the_easiest_words_are_single_and_short() -> None:
    for seed in range(200):
        words = drawn(seed, 0.0)
        assert len(words.words) == 1
        assert len(words.text) <= 7


def test_latin_words_have_no_chinese() -> None:
    for seed in range(200):
        words = draw_words(Random(seed), script="latin")
        assert set(without_spaces(words.text)) <= set(LATIN)


@needs_chinese
def test_without_a_script_some_words_are_chinese() -> None:
    chinese = sum(has_chinese(drawn(seed).text) for seed in range(200))
    assert 40 <= chinese <= 100


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_letters_are_never_too_small(difficulty: float) -> None:
    heights = [draw_x_height(Random(seed), difficulty) for seed in range(300)]
    assert min(heights) >= SMALLEST_X_HEIGHT
    assert max(heights) <= LARGEST_X_HEIGHT
    assert (min(heights) >= 24) == (difficulty == 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_picture_spells_its_words_in_reading_order(seed: int) -> None:
    words = drawn(seed)
    picture = draw_words_picture(Random(seed), words)
    assert spelt(picture) == without_spaces(words.text)
    assert_boxes_hold_ink(picture)


@pytest.mark.parametrize("face", latin_faces(), ids=str)
def test_the_longest_line_fits_without_shrinking_below_the_smallest_size(face: Face) -> None:
    size = face.size_for(SMALLEST_X_HEIGHT)
    assert face.font(size).getlength("w" * 8 + " " + "w" * 7) < NARROW_SIDE - 20


def test_pictures_keep_the_sizes_of_the_world() -> None:
    for seed in SEEDS:
        assert in_world(draw_words_picture(Random(seed), drawn(seed)).image.size)


def test_pictures_of_the_small_world_stay_narrow() -> None:
    for seed in SEEDS:
        picture = draw_words_picture(Random(seed), drawn(seed), breadth=0.0)
        assert max(picture.image.size) <= NARROW_SIDE < LONGEST_SIDE


def test_a_picture_depends_on_the_seed_alone() -> None:
    first, second = (draw_words_picture(Random("same"), drawn(1)) for _ in range(2))
    assert first.image.tobytes() == second.image.tobytes()
    assert first.glyphs == second.glyphs


def test_turned_words_keep_their_boxes() -> None:
    turned = 0
    for seed in range(200):
        words = Words((("turn",),))
        picture = draw_words_picture(Random(seed), words)
        assert picture.glyphs is not None
        first, last = picture.glyphs[0].center, picture.glyphs[-1].center
        slope = math.degrees(math.atan2(first[1] - last[1], last[0] - first[0]))
        assert abs(slope) <= MOST_TURN + 1
        if abs(slope) > 5:
            assert_boxes_hold_ink(picture)
            turned += 1
    assert turned >= 20
