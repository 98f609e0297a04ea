"""How a language speaks of scenes; the languages themselves are `english` and `chinese`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from training.talk.call import Call
from training.talk.language import Language
from training.world.scene import Shape

Phrases = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Tongue(ABC):
    """Words and phrases of a language, and its grammar.

    kinds, colors, places: its words for those of the world. What has no word here is not spoken of.
    ordinals: first and second.
    questions, answers: by topic, with gaps for names. A topic without questions is not spoken of.
    synonyms: other names that a question may use in place of a word or a place.
    """

    language: Language
    kinds: Mapping[str, str]
    colors: Mapping[str, str]
    places: Mapping[str, str]
    ordinals: tuple[str, str]
    questions: Phrases
    answers: Mapping[str, str]
    synonyms: Phrases

    def ask(self, rng: Random, topic: str, *names: str) -> str:
        return rng.choice(self.questions[topic]).format(*names)

    def say(self, topic: str, *names: str) -> str:
        return self.sentence(self.answers[topic].format(*names))

    def asked(self, rng: Random, name: str) -> str:
        """The name, or sometimes what else one calls it."""
        for word, others in self.synonyms.items():
            if word in name and rng.random() < SYNONYM_SHARE:
                return name.replace(word, rng.choice(others))
        return name

    def place_asked(self, rng: Random, place: str) -> str:
        return self.asked(rng, self.places[place])

    @abstractmethod
    def noun(self, call: Call) -> str:
        """red star; star; red shape; shape"""

    @abstractmethod
    def nouns(self, call: Call) -> str:
        """red stars"""

    @abstractmethod
    def one(self, call: Call) -> str:
        """a red star"""

    @abstractmethod
    def some(self, call: Call) -> str:
        """a red star, where it is asked for"""

    @abstractmethod
    def the(self, noun: str) -> str:
        """the red star"""

    @abstractmethod
    def at(self, place: str) -> str:
        """shape at the top"""

    @abstractmethod
    def number(self, count: int) -> str:
        """How many shapes, up to nine."""

    @abstractmethod
    def there_are(self, count: int, call: Call) -> str:
        """There are two red stars."""

    @abstractmethod
    def list(self, shapes: Iterable[Shape]) -> str:
        """a red star at the top and a green ring on the left"""

    @abstractmethod
    def sentence(self, text: str) -> str:
        """The text with a capital letter and a full stop."""

    def can_ask(self, topic: str) -> bool:
        return topic in self.questions

    def described(self, shapes: Iterable[Shape]) -> str:
        return self.sentence(self.list(shapes))


SYNONYM_SHARE = 0.25
