from __future__ import annotations

import pytest

from training.build import MODEL_FOLDER
from training.evaluate import compare
from training.examination.answering import Answerer, Prompt, user
from training.examination.exam import EXAMS
from training.examination.item import Item


@pytest.fixture
def items() -> list[Item]:
    return list(EXAMS["whole"].draw(0, 2, only=["no picture"], languages=["en"]))


def test_the_same_answers_through_the_suite_pass(items: list[Item]) -> None:
    assert compare(items, ["Red.", "Two."], ["Red.", "Two."])


def test_a_different_answer_is_named(items: list[Item], capsys: pytest.CaptureFixture[str]) -> None:
    assert not compare(items, ["Red.", "Two."], ["Red.", "Three."])
    told = capsys.readouterr().out
    assert "1 of 2" in told
    assert "'Three.'" in told
    assert "'Red.'" not in told


def test_answers_do_not_depend_on_how_many_are_asked_at_once() -> None:
    prompts = [Prompt([user(question)]) for question in ("Hello", "What is at the top?", "图中？")]
    answerer = Answerer.load(MODEL_FOLDER)
    assert answerer.answer(prompts, batch_size=1) == answerer.answer(prompts, batch_size=3)


def test_how_a_thought_is_marked_makes_no_difference(items: list[Item]) -> None:
    ours = ["<think>A thought.</think>\nRed.", "A thought.</think>\nTwo."]
    assert compare(items, ours, ["<think>A thought.</think>\nRed.", "A thought.Two."])
