from __future__ import annotations

from random import Random

import pytest

from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH, FIRST_ENGLISH
from training.talk.smalltalk import lost_question, small_talk
from training.talk.tongue import Tongue


@pytest.mark.parametrize("tongue", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_nothing_is_invented_without_a_picture(tongue: Tongue) -> None:
    known = ("greeting", "about", "thanks", "no picture", "outside")
    answers = {tongue.say(topic) for topic in known}
    for seed in range(200):
        exchanges = small_talk(Random(seed), 3, tongue)
        assert {exchange.answer for exchange in exchanges} <= answers


def test_the_first_tongue_loses_no_question_that_it_was_not_taught() -> None:
    newer = ("JSON", "bounding box", "receipt", "pink", "arrow", "chart")
    for seed in range(200):
        question = lost_question(Random(seed), FIRST_ENGLISH).question
        assert not any(word in question for word in newer)
