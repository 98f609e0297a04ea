from __future__ import annotations

from random import Random

from training.talk.exchange import Exchange
from training.talk.wording import Wording, converse_with

ENGLISH = Wording("en", {"name": ("Who is {}?",)}, {"name": "It is {}."})
CHINESE = Wording("zh", {}, {})


def ask_name(rng: Random, names: tuple[str, ...], wording: Wording) -> Exchange | None:
    name = rng.choice(names)
    if name == "nobody":
        return None
    return Exchange("name", wording.ask(rng, "name", name), wording.say("name", name))


def test_gaps_are_filled_in_questions_and_answers() -> None:
    exchange = ask_name(Random(0), ("Ann",), ENGLISH)
    assert exchange is not None
    assert (exchange.question, exchange.answer) == ("Who is Ann?", "It is Ann.")


def test_each_language_lists_in_its_own_way() -> None:
    assert ENGLISH.list(["a", "b", "c"]) == "a, b and c"
    assert CHINESE.list(["a", "b", "c"]) == "a、b和c"
    assert ENGLISH.list(["a"]) == CHINESE.list(["a"]) == "a"


def test_conversation_repeats_nothing_and_skips_what_cannot_be_asked() -> None:
    names = ("Ann", "Ben", "nobody")
    exchanges = converse_with(Random(1), names, 5, ENGLISH, ((ask_name, 1.0),))
    assert sorted(exchange.answer for exchange in exchanges) == ["It is Ann.", "It is Ben."]


def test_conversation_ends_at_the_number_asked_for() -> None:
    names = tuple("abcdefgh")
    assert len(converse_with(Random(1), names, 3, ENGLISH, ((ask_name, 1.0),))) == 3
