from __future__ import annotations

import re
from random import Random

import pytest

from training.talk.beyond import BEYOND, ask_outside
from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH
from training.talk.language import LANGUAGES, Language
from training.talk.tongue import Tongue

both_tongues = pytest.mark.parametrize("tongue", [ENGLISH, CHINESE], ids=["en", "zh"])


@both_tongues
def test_every_question_from_outside_is_answered_alike(tongue: Tongue) -> None:
    rng = Random(0)
    assert {ask_outside(rng, tongue).answer for _ in range(50)} == {tongue.say("outside")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_examinations_ask_about_is_never_trained_on(language: Language) -> None:
    beyond = BEYOND[language]
    assert not set(beyond.unseen) & set(beyond.things)
    trained = [ask_outside(Random(seed), tongue_of(language)).question for seed in range(500)]
    for seed in range(100):
        asked = ask_outside(Random(seed), tongue_of(language), unseen=True).question
        assert asked not in trained


@both_tongues
def test_nothing_of_the_world_is_called_outside(tongue: Tongue) -> None:
    beyond = BEYOND[tongue.language]
    known = {*tongue.kinds.values(), *tongue.colors.values()}
    assert not known & {*beyond.things, *beyond.unseen}


@both_tongues
def test_without_a_picture_nothing_is_asked_about_one(tongue: Tongue) -> None:
    general = BEYOND[tongue.language].general
    patterns = [re.escape(question).replace(r"\{\}", ".+") for question in general]
    for seed in range(100):
        question = ask_outside(Random(seed), tongue, picture=False).question
        assert any(re.fullmatch(pattern, question) for pattern in patterns)
        assert "picture" not in question
        assert "图" not in question


def tongue_of(language: Language) -> Tongue:
    return ENGLISH if language == "en" else CHINESE
