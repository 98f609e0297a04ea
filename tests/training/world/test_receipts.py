from __future__ import annotations

from random import Random

import pytest

from tests.training.world.printed import assert_boxes_hold_ink, spelt, without_spaces
from tests.training.world.test_fonts import needs_chinese
from training.world.alphabet import has_chinese
from training.world.receipts import Item, Receipt, draw_receipt, draw_receipt_picture
from training.world.wordlists import Script


def example(whole: bool = False) -> Receipt:
    return Receipt("Tea Shop", (Item("Tea", 250), Item("Milk", 150)), "Total", "$", whole)


def test_total_is_the_sum_of_the_prices() -> None:
    for seed in range(200):
        receipt = draw_receipt(Random(seed))
        assert receipt.total == sum(item.price for item in receipt.items)
        assert len({item.name for item in receipt.items}) == len(receipt.items)


def test_amounts_without_decimals_lose_nothing() -> None:
    for seed in range(300):
        receipt = draw_receipt(Random(seed))
        if receipt.whole:
            assert all(item.price % 100 == 0 for item in receipt.items)


def test_text_is_what_is_printed_line_by_line() -> None:
    assert example().text == "Tea Shop\nTea $2.50\nMilk $1.50\nTotal $4.00"
    assert example(whole=True).amount(1200) == "$12"


@pytest.mark.parametrize("seed", range(25))
def test_picture_spells_the_receipt(seed: int) -> None:
    receipt = draw_receipt(Random(f"receipt {seed}"), script="latin")
    picture = draw_receipt_picture(Random(seed), receipt)
    assert spelt(picture) == without_spaces(receipt.text)
    assert_boxes_hold_ink(picture)


@needs_chinese
@pytest.mark.parametrize("seed", range(10))
def test_picture_spells_a_chinese_receipt(seed: int) -> None:
    receipt = draw_receipt(Random(f"receipt {seed}"), script="chinese")
    picture = draw_receipt_picture(Random(seed), receipt)
    assert has_chinese(receipt.shop)
    assert spelt(picture) == without_spaces(receipt.text)
    assert_boxes_hold_ink(picture)


@pytest.mark.parametrize(("script", "chinese"), [("latin", False), ("chinese", True)])
def test_script_decides_the_language_of_all_names(script: Script, chinese: bool) -> None:
    receipt = draw_receipt(Random(3), script=script)
    names = (receipt.shop, receipt.total_label, *(item.name for item in receipt.items))
    assert all(has_chinese(name) == chinese for name in names)
