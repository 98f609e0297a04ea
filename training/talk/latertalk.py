"""Conversations in which a second picture comes later."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from training.talk.exchange import Exchange
from training.talk.pairtalk import Pair, ask_about_two
from training.talk.scenetalk import converse
from training.talk.tongue import Tongue

SECOND_FIRST_SHARE = 0.6  # how often the second picture comes with a question about itself


def converse_over_two_turns(
    rng: Random, scenes: Pair, count: int, tongue: Tongue
) -> list[Exchange]:
    """At least two exchanges: about the first picture, then the second comes, then about both.

    A question that names no picture is about the latest one.
    """
    before = rng.randint(1, max(1, count - 1))
    exchanges = converse(rng, scenes[0], before, tongue)
    if rng.random() < SECOND_FIRST_SHARE:
        fresh = converse(rng, scenes[1], 1, tongue)[0]
    else:
        fresh = ask_about_two(rng, scenes, tongue)
    exchanges.append(replace(fresh, pictures=1))
    while len(exchanges) < count:
        exchanges.append(ask_about_two(rng, scenes, tongue))
    return exchanges
