from __future__ import annotations

from random import Random

import pytest

from training.world.backdrop import (
    LEAST_TEXT_CONTRAST,
    PLAIN_UNTIL,
    brightness,
    draw_backdrop,
    draw_ink,
    extremes,
)

SIZE = (160, 120)


@pytest.mark.parametrize("seed", range(150))
def test_ink_stands_out_from_every_part_of_the_ground(seed: int) -> None:
    rng = Random(f"backdrop {seed}")
    image = draw_backdrop(rng, SIZE, 1.0)
    low, high = extremes(image)
    light = brightness(draw_ink(rng, image))
    assert light <= low - LEAST_TEXT_CONTRAST or light >= high + LEAST_TEXT_CONTRAST


def test_easy_grounds_have_one_color() -> None:
    for seed in range(50):
        low, high = extremes(draw_backdrop(Random(seed), SIZE, PLAIN_UNTIL))
        assert low == high


def test_hard_grounds_are_often_busy() -> None:
    grounds = [extremes(draw_backdrop(Random(seed), SIZE, 1.0)) for seed in range(100)]
    assert 25 <= sum(low != high for low, high in grounds) <= 60
