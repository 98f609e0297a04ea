"""Questions from outside the world, which are answered with the truth: I cannot answer that."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from training.talk import beyond_chinese, beyond_english
from training.talk.exchange import Exchange
from training.talk.language import Language
from training.talk.tongue import Tongue

# Nobody can list all that is not known, so some of it has no meaning at all.
MADE_UP_SHARE = 0.2
SHOWN_SHARE = 0.7  # of the questions about a picture, the others are about anything


@dataclass(frozen=True)
class Beyond:
    """Questions with gaps, and what may stand in them; `unseen` things are kept for examinations.

    shown: about what a picture might show; general: about the rest.
    """

    shown: tuple[str, ...]
    general: tuple[str, ...]
    things: tuple[str, ...]
    unseen: tuple[str, ...]


BEYOND: Mapping[Language, Beyond] = {
    "en": Beyond(
        beyond_english.SHOWN,
        beyond_english.GENERAL,
        beyond_english.THINGS,
        beyond_english.UNSEEN,
    ),
    "zh": Beyond(
        beyond_chinese.SHOWN,
        beyond_chinese.GENERAL,
        beyond_chinese.THINGS,
        beyond_chinese.UNSEEN,
    ),
}


def ask_outside(
    rng: Random, tongue: Tongue, picture: bool = True, unseen: bool = False
) -> Exchange:
    """With or without a picture; about what training asks about, or about what it never does."""
    beyond = BEYOND[tongue.language]
    questions = beyond.shown if picture and rng.random() < SHOWN_SHARE else beyond.general
    if unseen:
        # Only a question with a gap can be about something new.
        questions = tuple(question for question in questions if "{}" in question)
        thing = rng.choice(beyond.unseen)
    else:
        thing = made_up(rng) if rng.random() < MADE_UP_SHARE else rng.choice(beyond.things)
    return Exchange("outside", rng.choice(questions).format(thing), tongue.say("outside"))


def made_up(rng: Random) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(4, 9)))
