"""Questions about two pictures in one message."""

from __future__ import annotations

from random import Random

from training.talk.phrases import listed, sentence, there_are, with_article
from training.talk.scenetalk import Exchange, calls_of
from training.world.scene import Scene

ORDINALS = ("first", "second")
DESCRIBE = (
    "Describe the {} picture.",
    "What is in the {} picture?",
    "What does the {} image show?",
)
COUNT = ("How many shapes are in the {} picture?", "How many shapes are in the {} image?")
MORE = ("Which picture has more shapes?", "Which image shows more shapes?")
WHICH = ("Which picture has {}?", "Which picture shows {}?", "In which picture is {}?")


def describe_one(rng: Random, scenes: tuple[Scene, Scene]) -> Exchange:
    index = rng.randrange(2)
    question = rng.choice(DESCRIBE).format(ORDINALS[index])
    return Exchange("pair", question, sentence(listed(scenes[index].shapes)))


def count_one(rng: Random, scenes: tuple[Scene, Scene]) -> Exchange:
    index = rng.randrange(2)
    question = rng.choice(COUNT).format(ORDINALS[index])
    return Exchange("pair", question, there_are(len(scenes[index].shapes), "shape"))


def more(rng: Random, scenes: tuple[Scene, Scene]) -> Exchange:
    first, second = (len(scene.shapes) for scene in scenes)
    if first == second:
        return Exchange("pair", rng.choice(MORE), "Both have the same number of shapes.")
    return Exchange("pair", rng.choice(MORE), f"The {ORDINALS[second > first]} picture.")


def which(rng: Random, scenes: tuple[Scene, Scene]) -> Exchange:
    index = rng.randrange(2)
    name = rng.choice(scenes[index].shapes).name
    question = rng.choice(WHICH).format(with_article(name))
    others = [known for shape in scenes[1 - index].shapes for _, known in calls_of(shape)]
    answer = "Both pictures." if name in others else f"The {ORDINALS[index]} picture."
    return Exchange("pair", question, answer)


def converse_about_two(rng: Random, scenes: tuple[Scene, Scene], count: int) -> list[Exchange]:
    makers = [describe_one, count_one, more, which]
    return [maker(rng, scenes) for maker in rng.sample(makers, count)]
