"""Questions about scenes and their true answers, in English."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.talk.phrases import WHERE, listed, plural, sentence, there_are, with_article
from training.world.scene import COLORS, KINDS, PLACES, Scene, Shape


@dataclass(frozen=True)
class Exchange:
    """One question, its answer, and the shape it was about, if it was about one."""

    topic: str
    question: str
    answer: str
    about: Shape | None = None


DESCRIBE = (
    "Describe the image.",
    "Describe the picture.",
    "Describe this image.",
    "Describe this picture.",
    "What is in the picture?",
    "What is in this image?",
    "What do you see?",
    "What can you see in the picture?",
    "What does the picture show?",
    "What does this image show?",
    "Tell me what you see.",
    "Please describe the image.",
    "What's in this picture?",
    "Which shapes are in the picture, and where?",
    "List all shapes with their places.",
)
COUNT = (
    "How many {} are there?",
    "How many {} are in the picture?",
    "How many {} are in the image?",
    "How many {} do you see?",
    "Count the {}.",
    "What is the number of {}?",
)
AT_PLACE = (
    "What is {}?",
    "What do you see {}?",
    "Which shape is {}?",
    "What is there {}?",
    "What can you see {}?",
)
WHERE_IS = (
    "Where is the {}?",
    "Where is the {} in the picture?",
    "Where do you see the {}?",
    "In which place is the {}?",
    "Tell me where the {} is.",
)
COLOR_OF = (
    "What color is the {}?",
    "Which color is the {}?",
    "What is the color of the {}?",
    "What colour is the {}?",
    "Tell me the color of the {}.",
)
KIND_OF = (
    "Which shape is {}?",
    "What shape is the {} one?",
    "Which shape is the {} one?",
    "What is the {} shape?",
    "What kind of shape is {}?",
)
KIND_AT = ("What shape is {}?", "Which kind of shape is {}?", "What is the shape {}?")
EXISTS = (
    "Is there {}?",
    "Is there {} in the picture?",
    "Is there {} in the image?",
    "Do you see {}?",
    "Can you see {}?",
    "Does the picture show {}?",
)
COLOR_OF_IT = ("What color is it?", "Which color is it?", "And what color is it?")
KIND_OF_IT = ("What shape is it?", "Which shape is it?", "And what shape is it?")
PLACE_OF_IT = ("Where is it?", "And where is it?", "In which place is it?")


def describe(rng: Random, scene: Scene) -> Exchange:
    return Exchange("describe", rng.choice(DESCRIBE), sentence(listed(scene.shapes)))


def count_all(rng: Random, scene: Scene) -> Exchange:
    question = rng.choice(COUNT).format("shapes")
    return Exchange("count", question, there_are(len(scene.shapes), "shape"))


def count_kind(rng: Random, scene: Scene) -> Exchange:
    kind = likely(rng, [shape.kind for shape in scene.shapes], KINDS)
    count = sum(shape.kind == kind for shape in scene.shapes)
    return Exchange("count", rng.choice(COUNT).format(plural(kind)), there_are(count, kind))


def count_color(rng: Random, scene: Scene) -> Exchange:
    color = likely(rng, [shape.color for shape in scene.shapes], COLORS)
    count = sum(shape.color == color for shape in scene.shapes)
    question = rng.choice(COUNT).format(f"{color} shapes")
    return Exchange("count", question, there_are(count, f"{color} shape"))


def at_place(rng: Random, scene: Scene) -> Exchange:
    place = likely(rng, [shape.place for shape in scene.shapes], PLACES, share=0.75)
    question = rng.choice(AT_PLACE).format(WHERE[place])
    shape = next((shape for shape in scene.shapes if shape.place == place), None)
    if shape is None:
        return Exchange("place", question, f"There is nothing {WHERE[place]}.")
    return Exchange("place", question, sentence(with_article(shape.name)), shape)


def where_is(rng: Random, scene: Scene) -> Exchange:
    calls = [call for shape in scene.shapes for call in calls_of(shape)]
    shape, name = pick_call(rng, scene, calls, missing(rng, scene))
    question = rng.choice(WHERE_IS).format(name)
    if shape is None:
        return Exchange("where", question, f"There is no {name}.")
    return Exchange("where", question, sentence(WHERE[shape.place]), shape)


def color_of(rng: Random, scene: Scene) -> Exchange:
    absent = [kind for kind in KINDS if all(shape.kind != kind for shape in scene.shapes)]
    calls = [(shape, shape.kind) for shape in scene.shapes]
    calls += [(shape, f"shape {WHERE[shape.place]}") for shape in scene.shapes]
    shape, name = pick_call(rng, scene, calls, rng.choice(absent))
    question = rng.choice(COLOR_OF).format(name)
    if shape is None:
        return Exchange("color", question, f"There is no {name}.")
    return Exchange("color", question, sentence(shape.color), shape)


def kind_of(rng: Random, scene: Scene) -> Exchange:
    shape = rng.choice(scene.shapes)
    if sum(other.color == shape.color for other in scene.shapes) == 1:
        question = rng.choice(KIND_OF).format(shape.color)
    else:
        question = rng.choice(KIND_AT).format(WHERE[shape.place])
    return Exchange("shape", question, sentence(with_article(shape.kind)), shape)


def exists(rng: Random, scene: Scene) -> Exchange:
    shape = rng.choice(scene.shapes)
    name = rng.choice([name for _, name in calls_of(shape)])
    if rng.random() < 0.5:
        name = missing(rng, scene)
    question = rng.choice(EXISTS).format(with_article(name))
    if any(name == known for other in scene.shapes for _, known in calls_of(other)):
        return Exchange("exists", question, f"Yes, there is {with_article(name)}.")
    return Exchange("exists", question, f"No, there is no {name}.")


def follow_up(rng: Random, scene: Scene, last: Exchange) -> Exchange:
    """A question about the shape that the last answer was about, which it calls "it"."""
    shape = last.about
    assert shape is not None
    answers = {
        "color": (COLOR_OF_IT, sentence(shape.color)),
        "shape": (KIND_OF_IT, sentence(with_article(shape.kind))),
        "where": (PLACE_OF_IT, sentence(WHERE[shape.place])),
    }
    topic = rng.choice([topic for topic in answers if topic != last.topic])
    questions, answer = answers[topic]
    return Exchange(topic, rng.choice(questions), answer, shape)


Maker = Callable[[Random, Scene], Exchange]
QUESTIONS: tuple[tuple[Maker, float], ...] = (
    (describe, 0.8),  # long, so it trains as many tokens as all the others
    (count_all, 1.0),
    (count_kind, 1.0),
    (count_color, 1.0),
    (at_place, 2.0),
    (where_is, 2.5),
    (color_of, 2.5),
    (kind_of, 1.5),
    (exists, 2.5),
)


def converse(rng: Random, scene: Scene, count: int, follow_ups: float = 0.4) -> list[Exchange]:
    """`count` exchanges about one scene, none asked twice."""
    makers, weights = zip(*QUESTIONS, strict=True)
    exchanges: list[Exchange] = []
    while len(exchanges) < count:
        last = exchanges[-1] if exchanges else None
        if last is not None and last.about is not None and rng.random() < follow_ups:
            fresh = follow_up(rng, scene, last)
        else:
            fresh = rng.choices(makers, weights)[0](rng, scene)
        if all(fresh.answer != old.answer or fresh.topic != old.topic for old in exchanges):
            exchanges.append(fresh)
    return exchanges


def calls_of(shape: Shape) -> list[tuple[Shape, str]]:
    """What one may call a shape, from exact to vague."""
    return [(shape, shape.name), (shape, shape.kind), (shape, f"{shape.color} shape")]


def pick_call(
    rng: Random, scene: Scene, calls: list[tuple[Shape, str]], absent: str
) -> tuple[Shape | None, str]:
    """A shape and a name that only it has, or sometimes None and the absent name."""
    counts = Counter(name for _, name in calls)
    unique = [call for call in calls if counts[call[1]] == 1]
    if not unique or rng.random() < 0.12:
        return None, absent
    return rng.choice(unique)


def missing(rng: Random, scene: Scene) -> str:
    """The name of something that is not there, preferably close to something that is."""
    present = {name for shape in scene.shapes for _, name in calls_of(shape)}
    near = [f"{shape.color} {rng.choice(KINDS)}" for shape in scene.shapes]
    near += [f"{rng.choice(COLORS)} {shape.kind}" for shape in scene.shapes]
    near += [f"{rng.choice(COLORS)} {rng.choice(KINDS)}", rng.choice(KINDS)]
    near += [f"{rng.choice(COLORS)} shape"]
    absent = [name for name in near if name not in present]
    return rng.choice(absent) if absent else missing(rng, scene)


def likely(rng: Random, present: list[str], possible: tuple[str, ...], share: float = 0.7) -> str:
    """One of the present values with this share, otherwise any possible one."""
    return rng.choice(present) if rng.random() < share else rng.choice(possible)
