from __future__ import annotations

import pytest

from training.examination.exam import EXAMS
from training.examination.item import Item
from training.examination.score import grade
from training.world.scene import COLORS, KINDS, Scene


@pytest.fixture(scope="module", params=EXAMS)
def exam(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def items(exam: str) -> list[Item]:
    return list(EXAMS[exam].draw(seed=1, items=4))


def test_expected_answers_are_graded_right(items: list[Item]) -> None:
    scores = grade(items, [item.expected for item in items], {})
    assert all(score.share == 1.0 for score in scores)
    assert sum(score.total for score in scores) == len(items)


@pytest.mark.parametrize("answer", ["", "Yes.", "<|begin_of_box|>[0,0,1,1]<|end_of_box|>", "[]"])
def test_other_answers_are_graded_wrong(items: list[Item], answer: str) -> None:
    assert not [item.cell for item in items if item.grade(answer) and "yes" not in item.cell]


def test_every_cell_is_asked_in_every_language_as_often(exam: str, items: list[Item]) -> None:
    asked = [(item.cell, item.language) for item in items]
    languages = [tongue.language for tongue in EXAMS[exam].world.tongues]
    wanted = [(cell, language) for cell in EXAMS[exam].cells for language in languages]
    assert sorted(set(asked)) == sorted(wanted)
    assert {asked.count(key) for key in wanted} == {4}


def test_each_conversation_ends_with_a_question_and_has_all_its_pictures(
    items: list[Item],
) -> None:
    for item in items:
        roles = [message["role"] for message in item.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
        parts = [part for message in item.messages[::2] for part in message["content"]]
        assert sum(part["type"] == "image" for part in parts) == len(item.subjects)


def test_cells_depend_on_the_seed_alone_and_not_on_each_other() -> None:
    whole = EXAMS["whole"]
    all_cells = [item.expected for item in whole.draw(5, 2) if item.cell == "count"]
    alone = [item.expected for item in whole.draw(5, 2, only=["count"])]
    other = [item.expected for item in whole.draw(6, 2, only=["count"])]
    assert all_cells == alone != other


def test_the_small_world_keeps_its_limits() -> None:
    items = EXAMS["small"].draw(3, 12, only=["description", "two pictures"])
    scenes = [scene for item in items for scene in item.subjects]
    assert scenes
    for scene in scenes:
        assert isinstance(scene, Scene)
        assert len(scene.shapes) <= 4
        assert max(scene.width, scene.height) <= 448
        assert {shape.kind for shape in scene.shapes} <= set(KINDS[:6])
        assert {shape.color for shape in scene.shapes} <= set(COLORS[:7])


def test_what_weights_of_scenes_do_not_know_is_to_be_declined() -> None:
    declined = {
        "en": "I cannot answer that. I only know colored shapes.",
        "zh": "我回答不了这个问题，我只认识图形。",
    }
    for item in EXAMS["scenes"].draw(2, 6, only=["text or chart, declined"]):
        assert not isinstance(item.subjects[0], Scene)
        assert item.expected == declined[item.language]
        assert item.grade(item.expected)
