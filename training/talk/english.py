"""English."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from training.talk import english_phrases as phrases
from training.talk.call import Call
from training.talk.english_questions import FIRST_QUESTIONS, QUESTIONS
from training.talk.phrases import NUMBERS, WHERE, listed, plural, sentence, there_are, with_article
from training.talk.tongue import Tongue
from training.world.scene import COLORS, KINDS, SMALL_LIMITS, Shape


@dataclass(frozen=True)
class English(Tongue):
    def noun(self, call: Call) -> str:
        kind = "shape" if call.kind is None else self.kinds[call.kind]
        return kind if call.color is None else f"{self.colors[call.color]} {kind}"

    def nouns(self, call: Call) -> str:
        return plural(self.noun(call))

    def one(self, call: Call) -> str:
        return with_article(self.noun(call))

    def some(self, call: Call) -> str:
        return self.one(call)

    def the(self, noun: str) -> str:
        return f"the {noun}"

    def at(self, place: str) -> str:
        return f"shape {place}"

    def number(self, count: int) -> str:
        return NUMBERS[count]

    def there_are(self, count: int, call: Call) -> str:
        return there_are(count, self.noun(call))

    def list(self, shapes: Iterable[Shape]) -> str:
        return listed(shapes)

    def sentence(self, text: str) -> str:
        return sentence(text)


ENGLISH = English(
    language="en",
    kinds={kind: kind for kind in KINDS},
    colors={color: color for color in COLORS},
    places=WHERE,
    ordinals=phrases.ORDINALS,
    questions=QUESTIONS,
    answers=phrases.ANSWERS,
    synonyms=phrases.SYNONYMS,
)
# What the first weights of sightline-nano were taught.
FIRST_ENGLISH = replace(
    ENGLISH,
    kinds={kind: kind for kind in SMALL_LIMITS.kinds},
    colors={color: color for color in SMALL_LIMITS.colors},
    questions=FIRST_QUESTIONS,
    synonyms={},
)
# Of weights that know nothing but scenes, and say so.
SCENES_ENGLISH = replace(ENGLISH, answers=phrases.SCENES_ANSWERS)
