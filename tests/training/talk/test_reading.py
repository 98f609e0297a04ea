from __future__ import annotations

from random import Random

import pytest

from training.talk import reading
from training.talk.exchange import Exchange
from training.talk.language import LANGUAGES, Language
from training.talk.reading_phrases import READING
from training.world.dialogs import Dialog, draw_dialog
from training.world.receipts import Item, Receipt, draw_receipt
from training.world.words import Words, draw_words

ENGLISH, CHINESE = READING["en"], READING["zh"]
WORDS = Words((("one", "two"), ("three",), ("four",)))
RECEIPT = Receipt("Tea Shop", (Item("Tea", 250), Item("Milk", 150)), "Total", "$", False)
DIALOG = Dialog("Error", "Wrong password.", ("OK", "Help"))
SEEDS = range(150)


def answers(maker: reading.Maker, subject: object, language: Language = "en") -> set[str]:
    """Everything that is answered to this question."""
    asked = (maker(Random(seed), subject, READING[language]) for seed in SEEDS)
    return {exchange.answer for exchange in asked if exchange is not None}


def test_text_is_read_verbatim() -> None:
    assert answers(reading.read, WORDS) == {"one two\nthree\nfour"}
    assert answers(reading.read, DIALOG, "zh") == {"Error\nWrong password.\nOK Help"}


def test_long_receipts_are_not_read_out_as_a_whole() -> None:
    items = tuple(Item(name, 100) for name in ("Cheese", "Butter", "Coffee", "Flower"))
    long = Receipt("Mountain Kitchen", items, "TOTAL:", "$", False)
    assert answers(reading.read, long) == set()


def test_a_line_is_the_one_asked_for() -> None:
    lines = {"first": "one two", "second": "three", "third": "four", "last": "four"}
    for seed in SEEDS:
        asked = reading.read_line(Random(seed), WORDS, ENGLISH)
        assert asked is not None
        (ordinal,) = (ordinal for ordinal in lines if ordinal in asked.question)
        assert asked.answer == lines[ordinal]


def test_a_single_line_is_not_asked_for_by_number() -> None:
    assert answers(reading.read_line, Words((("one",),))) == set()


def test_total_and_shop_are_those_of_the_receipt() -> None:
    assert answers(reading.total, RECEIPT) == {"The total is $4.00."}
    assert answers(reading.total, RECEIPT, "zh") == {"总计是$4.00。"}
    assert answers(reading.shop, RECEIPT) == {"Tea Shop"}


def test_prices_are_of_the_item_asked_about_or_of_none() -> None:
    for seed in SEEDS:
        asked = reading.price(Random(seed), RECEIPT, ENGLISH)
        prices = {"Tea": "Tea costs $2.50.", "Milk": "Milk costs $1.50."}
        name = next((name for name in prices if f" {name}" in asked.question), None)
        assert asked.answer == prices[name] if name else "There is no" in asked.answer


def test_the_dearest_item_is_asked_for_only_without_a_tie() -> None:
    assert answers(reading.dearest, RECEIPT) == {"Tea, which costs $2.50."}
    tie = Receipt("A", (Item("Tea", 100), Item("Milk", 100)), "Sum", "", True)
    assert answers(reading.dearest, tie) == set()


def test_items_are_listed_and_counted() -> None:
    assert answers(reading.items, RECEIPT) == {"Tea and Milk."}
    assert answers(reading.count_items, RECEIPT) == {"There are two items."}
    assert answers(reading.count_items, RECEIPT, "zh") == {"有两样东西。"}


def test_dialog_answers_name_title_message_and_buttons() -> None:
    assert answers(reading.title, DIALOG) == {"Error"}
    assert answers(reading.message, DIALOG) == {"Wrong password."}
    assert answers(reading.buttons, DIALOG) == {"OK and Help."}
    assert answers(reading.count_buttons, DIALOG) == {"There are two buttons."}
    assert answers(reading.buttons, DIALOG, "zh") == {"OK和Help。"}


def test_a_button_is_there_exactly_if_the_dialog_has_it() -> None:
    for seed in SEEDS:
        asked = reading.has_button(Random(seed), DIALOG, ENGLISH)
        present = any(f" {name}" in asked.question for name in DIALOG.buttons)
        assert asked.answer.startswith("Yes") == present


def test_descriptions_name_everything() -> None:
    (words,) = answers(reading.describe_words, WORDS)
    assert words == 'The picture shows the text "one two three four".'
    (receipt,) = answers(reading.describe_receipt, RECEIPT)
    assert receipt == "A receipt of Tea Shop: Tea $2.50 and Milk $1.50. The total is $4.00."
    (dialog,) = answers(reading.describe_dialog, DIALOG)
    assert dialog.endswith('"Error", the message "Wrong password." and the buttons OK and Help.')


def conversations(language: Language) -> list[list[Exchange]]:
    subjects = [draw(Random(seed)) for seed in range(20) for draw in (draw_words, draw_receipt)]
    subjects += [draw_dialog(Random(seed)) for seed in range(20)]
    return [
        reading.converse_about_text(Random(seed), subject, 4, language)
        for seed, subject in enumerate(subjects)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_spelt_is_part_of_the_answer(language: Language) -> None:
    for talked in conversations(language):
        assert 1 <= len(talked) <= 4
        for exchange in talked:
            assert all(part in exchange.answer for part in exchange.spelt)
            assert not set("{}") & set(exchange.question + exchange.answer)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("subject", [WORDS, RECEIPT, DIALOG], ids=lambda s: type(s).__name__)
def test_every_subject_has_a_thought(subject: reading.Text, language: Language) -> None:
    thought = reading.think_about_text(subject, language)
    assert thought.endswith("." if language == "en" else "。")


def test_both_languages_have_the_same_topics_and_answers() -> None:
    assert ENGLISH.questions.keys() == CHINESE.questions.keys()
    assert ENGLISH.answers.keys() == CHINESE.answers.keys()
