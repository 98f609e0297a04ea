"""Questions and answers in a language, for pictures with text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from training.talk import chinese_phrases
from training.talk.exchange import Exchange
from training.talk.language import Language
from training.talk.phrases import NUMBERS, joined

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Wording:
    """The phrases of one language, by topic, with gaps for names."""

    language: Language
    questions: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, str]

    def ask(self, rng: Random, topic: str, *names: str) -> str:
        return rng.choice(self.questions[topic]).format(*names)

    def say(self, topic: str, *names: str) -> str:
        return self.answers[topic].format(*names)

    def number(self, count: int) -> str:
        return (NUMBERS if self.language == "en" else chinese_phrases.NUMBERS)[count]

    def list(self, names: Sequence[str]) -> str:
        """a, b and c"""
        if self.language == "en":
            return joined(names)
        return names[0] if len(names) == 1 else "、".join(names[:-1]) + "和" + names[-1]


Maker = Callable[[Random, Subject, Wording], Exchange | None]


def converse_with(
    rng: Random,
    subject: Subject,
    count: int,
    wording: Wording,
    makers: Sequence[tuple[Maker[Subject], float]],
) -> list[Exchange]:
    """Up to `count` exchanges, no topic and answer twice; a maker may find nothing to ask."""
    functions, weights = zip(*makers, strict=True)
    exchanges: list[Exchange] = []
    for _ in range(20 * count):
        fresh = rng.choices(functions, weights)[0](rng, subject, wording)
        if fresh is None:
            continue
        if all((fresh.topic, fresh.answer) != (old.topic, old.answer) for old in exchanges):
            exchanges.append(fresh)
        if len(exchanges) == count:
            break
    return exchanges
