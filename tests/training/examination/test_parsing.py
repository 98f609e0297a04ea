from __future__ import annotations

import pytest

from training.examination.parsing import claims
from training.talk.chinese import CHINESE
from training.talk.english import ENGLISH


@pytest.mark.parametrize(
    "text",
    ["A red circle at the top and a cat on the left.", "", "A red circle.", "上方有一个红色圆形。"],
)
def test_other_text_is_no_english_description(text: str) -> None:
    assert claims(text, ENGLISH) is None


@pytest.mark.parametrize(
    "text", ["上方有一个红色圆形，左边有一只猫。", "", "红色圆形。", "A red circle at the top."]
)
def test_other_text_is_no_chinese_description(text: str) -> None:
    assert claims(text, CHINESE) is None


def test_equal_shapes_count_twice() -> None:
    english = claims("A red star at the top and a red star at the top.", ENGLISH)
    chinese = claims("上方有一个红色五角星，上方有一个红色五角星。", CHINESE)
    assert english == chinese == {("red", "star", "top"): 2}


def test_the_order_does_not_matter() -> None:
    one = claims("左上角有一个红色圆形，下方有一个灰色箭头。", CHINESE)
    other = claims("下方有一个灰色箭头，左上角有一个红色圆形。", CHINESE)
    assert one == other
    assert one is not None
