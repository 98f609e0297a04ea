from __future__ import annotations

import json

from tests.training.talk.scenes import scene_of
from training.examination.item import near_box, same_list, same_verdict
from training.talk.box import write_box
from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH
from training.talk.scenetalk import write_json
from training.world.scene import Scene

SCENE = next(scene for scene in map(scene_of, range(100)) if len(scene.shapes) > 2)


def test_json_may_be_in_any_order_but_not_leave_anything_out() -> None:
    rows = json.loads(write_json(SCENE))
    grade = same_list(SCENE)
    assert grade(json.dumps(rows[::-1]))
    assert not grade(json.dumps(rows[1:]))
    assert not grade(json.dumps([*rows, rows[0]]))


def test_what_is_not_json_of_the_stated_form_is_wrong() -> None:
    grade = same_list(SCENE)
    assert not any(map(grade, ["", "3", "[1]", '{"shape": 1}', '[{"shape": "star"}]', "[null]"]))


def moved(scene: Scene, share: float) -> str:
    """The first shape's box, moved to the right by a share of its width."""
    left, top, right, bottom = scene.shapes[0].box
    step = share * (right - left)
    numbers = (
        round(1000 * (left + step) / scene.width),
        round(1000 * top / scene.height),
        round(1000 * (right + step) / scene.width),
        round(1000 * bottom / scene.height),
    )
    return f"<|begin_of_box|>{list(numbers)}<|end_of_box|>".replace(" ", "")


def test_a_box_must_overlap_by_half() -> None:
    grade = near_box(SCENE.shapes[0], SCENE)
    assert grade(write_box(SCENE.shapes[0], SCENE))
    assert grade(moved(SCENE, 0.25))
    assert not grade(moved(SCENE, 0.4))


def test_of_yes_and_no_only_the_verdict_counts() -> None:
    assert same_verdict("Yes, there is a star.", ENGLISH)("Yes, there is a red star.")
    assert not same_verdict("Yes, there is a star.", ENGLISH)("No, there is no star.")
    assert same_verdict("有，图中有圆形。", CHINESE)("有，图中有三角形。")
    assert not same_verdict("有，图中有圆形。", CHINESE)("没有，图中没有圆形。")
