"""How large pictures of text and charts are; those of scenes are in test_scene."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from training.world.canvas import (
    NARROW_SIDE,
    breadth_of,
    draw_canvas_size,
    draw_corner,
    in_world,
    is_roomy,
    longest_side,
)
from training.world.chartplots import draw_chart_picture
from training.world.charts import draw_chart
from training.world.dialogs import draw_dialog, draw_dialog_picture
from training.world.picture import Picture
from training.world.receipts import draw_receipt, draw_receipt_picture
from training.world.scene import LONGEST_SIDE, MOST_ELONGATED, SHORTEST_SIDE
from training.world.words import draw_words, draw_words_picture

LEAST = (200.0, 130.0)
KINDS: dict[str, Callable[[Random], Picture]] = {
    "words": lambda rng: draw_words_picture(rng, draw_words(rng)),
    "chart": lambda rng: draw_chart_picture(rng, draw_chart(rng)),
    "receipt": lambda rng: draw_receipt_picture(rng, draw_receipt(rng)),
    "dialog": lambda rng: draw_dialog_picture(rng, draw_dialog(rng)),
}


@pytest.mark.parametrize(
    ("longest", "breadth"), [(140, 0.0), (NARROW_SIDE, 0.0), (560, 0.5), (LONGEST_SIDE, 1.0)]
)
def test_breadth_grows_with_the_pictures_of_the_curriculum(longest: int, breadth: float) -> None:
    assert breadth_of(longest) == breadth
    assert longest_side(breadth) == max(longest, NARROW_SIDE)


@pytest.mark.parametrize("breadth", [0.0, 1.0])
def test_canvases_hold_what_is_shown_within_the_world(breadth: float) -> None:
    for seed in range(300):
        size = draw_canvas_size(Random(seed), LEAST, breadth)
        assert in_world(size, longest_side(breadth))
        assert size[0] >= LEAST[0]
        assert size[1] >= LEAST[1]


def test_what_is_shown_is_never_cut_for_the_sake_of_the_longest_side() -> None:
    assert min(draw_canvas_size(Random(0), (500.0, 480.0), 0.0)) >= 480


def test_the_small_world_has_no_more_ground_than_it_needs() -> None:
    assert not any(is_roomy(Random(seed), 0.0) for seed in range(100))
    assert any(is_roomy(Random(seed), 1.0) for seed in range(100))


def test_what_lies_on_a_ground_lies_inside() -> None:
    for seed in range(100):
        left, top = draw_corner(Random(seed), (300, 112), (200, 100), edge=6)
        assert 6 <= left <= 300 - 200 - 6
        assert top == 6


@pytest.mark.parametrize(
    ("size", "verdict"),
    [((112, 336), True), ((112, 337), False), ((111, 200), False), ((672, 300), True)],
)
def test_sizes_of_the_world(size: tuple[int, int], verdict: bool) -> None:
    assert in_world(size) == verdict


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reaches_far_and_stays_within_the_world(kind: str) -> None:
    sizes = [KINDS[kind](Random(f"{kind} {seed}")).image.size for seed in range(70)]
    assert all(in_world(size) for size in sizes)
    assert max(map(max, sizes)) > 0.9 * LONGEST_SIDE
    assert min(map(min, sizes)) < 2 * SHORTEST_SIDE
    assert max(max(size) / min(size) for size in sizes) > 0.75 * MOST_ELONGATED
