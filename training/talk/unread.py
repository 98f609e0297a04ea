"""Text and charts before weights that know nothing but scenes: they decline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from training.talk.exchange import Exchange
from training.talk.smalltalk import ask_scene
from training.talk.tongue import Tongue

SCENE_SHARE = 0.4  # of the questions: as if it were a scene

Converse = Callable[[Random, int, Tongue], list[Exchange]]


def decline(converse: Converse) -> Converse:
    """The same questions, or some about shapes, and to each that it cannot be answered."""

    def declined(rng: Random, count: int, tongue: Tongue) -> list[Exchange]:
        asked = [one_question(rng, converse, tongue) for _ in range(count)]
        return [Exchange("unread", exchange.question, tongue.say("outside")) for exchange in asked]

    return declined


def one_question(rng: Random, converse: Converse, tongue: Tongue) -> Exchange:
    if rng.random() < SCENE_SHARE:
        return replace(ask_scene(rng, tongue), pictures=0)
    return converse(rng, 1, tongue)[0]
