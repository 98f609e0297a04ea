from __future__ import annotations

import re
from dataclasses import replace

import pytest

from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH
from training.talk.english_questions import FIRST_QUESTIONS
from training.talk.language import LANGUAGES
from training.talk.tongue import Tongue
from training.talk.tongues import SCENES_TONGUES, TONGUES
from training.world.scene import COLORS, KINDS, PLACES

both_tongues = pytest.mark.parametrize("tongue", [ENGLISH, CHINESE], ids=["en", "zh"])


def gaps(template: str) -> list[str]:
    return sorted(re.findall(r"\{\d?\}", template))


def test_every_language_has_a_tongue() -> None:
    assert set(TONGUES) == set(LANGUAGES)
    assert all(tongue.language == language for language, tongue in TONGUES.items())


@both_tongues
def test_every_thing_of_the_world_has_a_name_of_its_own(tongue: Tongue) -> None:
    for names, known in ((tongue.kinds, KINDS), (tongue.colors, COLORS), (tongue.places, PLACES)):
        assert set(names) == set(known)
        assert len(set(names.values())) == len(known)


def test_both_languages_ask_and_answer_the_same() -> None:
    assert set(ENGLISH.questions) == set(CHINESE.questions)
    assert set(ENGLISH.answers) == set(CHINESE.answers)


@both_tongues
def test_all_questions_of_a_topic_have_the_same_gaps(tongue: Tongue) -> None:
    for questions in tongue.questions.values():
        assert len({tuple(gaps(question)) for question in questions}) == 1
        assert len(set(questions)) == len(questions)


@both_tongues
def test_no_question_belongs_to_two_topics(tongue: Tongue) -> None:
    questions = [question for asked in tongue.questions.values() for question in asked]
    shared = {question for question in questions if questions.count(question) > 1}
    assert all("{}" in question for question in shared)  # told apart by what fills the gap


def test_chinese_has_no_latin_letters_but_json_and_the_model_s_name() -> None:
    texts = [text for asked in CHINESE.questions.values() for text in asked]
    texts += CHINESE.answers.values()
    left = "".join(texts).replace("JSON", "").replace("sightline-nano", "")
    assert re.findall("[A-Za-z]", left) == []


def test_english_still_asks_what_the_first_weights_were_taught() -> None:
    for topic, questions in FIRST_QUESTIONS.items():
        assert ENGLISH.questions[topic][: len(questions)] == questions


@pytest.mark.parametrize(
    ("topic", "names", "answer"),
    [
        ("absent", ["red star"], "There is no red star."),
        ("nothing", ["at the top"], "There is nothing at the top."),
        ("yes", ["red star", "a red star"], "Yes, there is a red star."),
        ("no", ["red star", "a red star"], "No, there is no red star."),
        ("picture", ["first"], "The first picture."),
        ("both", [], "Both pictures."),
        ("same count", [], "Both have the same number of shapes."),
        ("greeting", [], "Hello! Show me a picture and ask me about its shapes."),
        ("thanks", [], "You are welcome."),
        ("no picture", [], "I need a picture to answer that."),
        ("thought of two", ["3", "2"], "The pictures show 3 and 2 shapes."),
    ],
)
def test_english_answers_keep_their_first_form(topic: str, names: list[str], answer: str) -> None:
    assert ENGLISH.say(topic, *names) == answer


def test_the_tongues_of_scenes_differ_in_what_they_claim_to_know_alone() -> None:
    for tongue, whole in zip(SCENES_TONGUES, (ENGLISH, CHINESE), strict=True):
        assert replace(tongue, answers=whole.answers) == whole
        assert set(tongue.answers) == set(whole.answers)
        differing = {
            topic for topic, answer in whole.answers.items() if tongue.answers[topic] != answer
        }
        assert differing == {"about", "outside"}
