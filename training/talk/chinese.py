"""Simplified Chinese."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from training.talk import chinese_phrases as phrases
from training.talk.call import Call, name_of
from training.talk.tongue import Tongue
from training.world.scene import Shape


@dataclass(frozen=True)
class Chinese(Tongue):
    def noun(self, call: Call) -> str:
        kind = "图形" if call.kind is None else self.kinds[call.kind]
        return kind if call.color is None else self.colors[call.color] + kind

    def nouns(self, call: Call) -> str:
        return self.noun(call)

    def one(self, call: Call) -> str:
        return f"一个{self.noun(call)}"

    def some(self, call: Call) -> str:
        return self.noun(call)

    def the(self, noun: str) -> str:
        return noun

    def at(self, place: str) -> str:
        return f"{place}的图形"

    def number(self, count: int) -> str:
        return f"{phrases.NUMBERS[count]}个"

    def there_are(self, count: int, call: Call) -> str:
        if not count:
            return self.say("absent", self.noun(call))
        return f"图中有{self.number(count)}{self.noun(call)}。"

    def list(self, shapes: Iterable[Shape]) -> str:
        return "，".join(
            f"{self.places[shape.place]}有{self.one(name_of(shape))}" for shape in shapes
        )

    def sentence(self, text: str) -> str:
        return f"{text}。"


CHINESE = Chinese(
    language="zh",
    kinds=phrases.KINDS,
    colors=phrases.COLORS,
    places=phrases.PLACES,
    ordinals=phrases.ORDINALS,
    questions=phrases.QUESTIONS,
    answers=phrases.ANSWERS,
    synonyms=phrases.SYNONYMS,
)
# Of weights that know nothing but scenes, and say so.
SCENES_CHINESE = replace(CHINESE, answers=phrases.SCENES_ANSWERS)
