from __future__ import annotations

from random import Random

from tests.training.talk.scenes import SEEDS, pair_of
from training.talk.english import ENGLISH
from training.talk.latertalk import converse_over_two_turns


def test_the_second_picture_comes_once_and_never_with_the_first_question() -> None:
    for seed in SEEDS:
        count = 2 + seed % 4
        exchanges = converse_over_two_turns(Random(seed), pair_of(seed), count, ENGLISH)
        pictures = [exchange.pictures for exchange in exchanges]
        assert len(pictures) == count
        assert pictures[0] == 0
        assert sum(pictures) == 1


def test_nothing_is_said_of_the_second_picture_before_it_comes() -> None:
    for seed in SEEDS:
        exchanges = converse_over_two_turns(Random(seed), pair_of(seed), 5, ENGLISH)
        came = next(index for index, exchange in enumerate(exchanges) if exchange.pictures)
        assert all("second" not in exchange.question for exchange in exchanges[:came])
        assert all(exchange.topic != "pair" for exchange in exchanges[:came])
