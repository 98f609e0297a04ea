"""Questions about a scene and their true answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from random import Random

from training.talk.beyond import ask_outside
from training.talk.box import write_box
from training.talk.call import ANY, Call, calls_of, missing, name_of, pick_call
from training.talk.exchange import Exchange
from training.talk.tongue import Tongue
from training.world.scene import Scene, Shape

PRESENT_SHARE = 0.7
OCCUPIED_SHARE = 0.75
SHORT_SHARE = 0.5  # of the follow-ups to answers that have short ones


def describe(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    return Exchange("describe", tongue.ask(rng, "describe"), tongue.described(scene.shapes))


def describe_as_json(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    return Exchange("json", tongue.ask(rng, "json"), write_json(scene))


def write_json(scene: Scene) -> str:
    """The same in every language: a list of objects, in reading order."""
    return json.dumps(
        [
            {"shape": shape.kind, "color": shape.color, "place": shape.place}
            for shape in scene.shapes
        ]
    )


def count_all(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    return count(rng, scene, tongue, ANY, short)


def count_kind(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    kind = likely(rng, [shape.kind for shape in scene.shapes], tongue.kinds)
    return count(rng, scene, tongue, Call(kind=kind), short)


def count_color(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    color = likely(rng, [shape.color for shape in scene.shapes], tongue.colors)
    return count(rng, scene, tongue, Call(color=color), short)


def count(rng: Random, scene: Scene, tongue: Tongue, call: Call, short: bool) -> Exchange:
    found = call.fitting(scene)
    question = ask(rng, tongue, "count", short, tongue.asked(rng, tongue.nouns(call)))
    only = found[0] if len(found) == 1 else None
    return Exchange("count", question, tongue.there_are(len(found), call), only)


def at_place(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    present = [shape.place for shape in scene.shapes]
    place = likely(rng, present, tongue.places, OCCUPIED_SHARE)
    question = ask(rng, tongue, "at place", short, tongue.place_asked(rng, place))
    shape = shape_at(scene, place)
    if shape is None:
        return Exchange("place", question, tongue.say("nothing", tongue.places[place]))
    return Exchange("place", question, tongue.sentence(tongue.one(name_of(shape))), shape)


def where_is(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    shape, call = pick_call(rng, scene, tongue.kinds, tongue.colors)
    question = ask_the(rng, tongue, "where", short, tongue.noun(call))
    if shape is None:
        return Exchange("where", question, tongue.say("absent", tongue.noun(call)))
    return Exchange("where", question, tongue.say("where", tongue.places[shape.place]), shape)


def locate(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    shape, call = pick_call(rng, scene, tongue.kinds, tongue.colors)
    question = ask_the(rng, tongue, "locate", short, tongue.noun(call))
    if shape is None:
        return Exchange("box", question, tongue.say("absent", tongue.noun(call)))
    return Exchange("box", question, write_box(shape, scene), shape)


def color_of(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    """By its kind or its place."""
    shape = rng.choice(scene.shapes)
    call = Call(kind=shape.kind)
    if len(call.fitting(scene)) > 1 or rng.random() < 0.5:
        name = tongue.at(tongue.places[shape.place])
        return color_named(rng, tongue, name, shape, short)
    if rng.random() < PRESENT_SHARE + 0.1:
        return color_named(rng, tongue, tongue.noun(call), shape, short)
    absent = [kind for kind in tongue.kinds if not Call(kind=kind).fitting(scene)]
    name = tongue.noun(Call(kind=rng.choice(absent)))
    question = ask_the(rng, tongue, "color", short, name)
    return Exchange("color", question, tongue.say("absent", name))


def color_named(rng: Random, tongue: Tongue, name: str, shape: Shape, short: bool) -> Exchange:
    question = ask_the(rng, tongue, "color", short, name)
    return Exchange("color", question, tongue.sentence(tongue.colors[shape.color]), shape)


def kind_of(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    """By its colour, or by its place where others have the same colour."""
    shape = rng.choice(scene.shapes)
    if len(Call(color=shape.color).fitting(scene)) == 1:
        name = tongue.asked(rng, tongue.colors[shape.color])
        question = tongue.ask(rng, "shape", name)
    else:
        question = tongue.ask(rng, "shape at place", tongue.place_asked(rng, shape.place))
    answer = tongue.sentence(tongue.some(Call(kind=shape.kind)))
    return Exchange("shape", question, answer, shape)


def exists(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    shape = rng.choice(scene.shapes)
    call = rng.choice(calls_of(shape))
    if rng.random() < 0.5:
        call = missing(rng, scene, tongue.kinds, tongue.colors)
    question = ask(rng, tongue, "exists", short, tongue.asked(rng, tongue.some(call)))
    found = call.fitting(scene)
    answer = tongue.say("yes" if found else "no", tongue.noun(call), tongue.one(call))
    return Exchange("exists", question, answer, found[0] if len(found) == 1 else None)


def no_text(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    topic = rng.choice(("text", "chart"))
    return Exchange("nothing of that kind", tongue.ask(rng, topic), tongue.say(topic))


def outside(rng: Random, scene: Scene, tongue: Tongue, short: bool = False) -> Exchange:
    return ask_outside(rng, tongue)


def ask(rng: Random, tongue: Tongue, topic: str, short: bool, name: str) -> str:
    return tongue.ask(rng, "and" if short else topic, name)


def ask_the(rng: Random, tongue: Tongue, topic: str, short: bool, noun: str) -> str:
    """About the thing that the noun names; its article is a part of the long questions."""
    asked = tongue.asked(rng, noun)
    return ask(rng, tongue, topic, short, tongue.the(asked) if short else asked)


def follow_up(rng: Random, scene: Scene, last: Exchange, tongue: Tongue) -> Exchange:
    """A question about the shape that the last answer was about, which it calls "it"."""
    shape = last.about
    assert shape is not None
    answers = {
        "color": ("color of it", tongue.sentence(tongue.colors[shape.color])),
        "shape": ("shape of it", tongue.sentence(tongue.some(Call(kind=shape.kind)))),
        "where": ("where is it", tongue.say("where", tongue.places[shape.place])),
        "box": ("locate it", write_box(shape, scene)),
    }
    topics = [
        topic
        for topic, (question, _) in answers.items()
        if topic != last.topic and tongue.can_ask(question)
    ]
    topic = rng.choice(topics)
    question, answer = answers[topic]
    return Exchange(topic, tongue.ask(rng, question), answer, shape)


Maker = Callable[[Random, Scene, Tongue, bool], Exchange]
# Each with what a tongue must be able to ask, and how often it is asked.
QUESTIONS: tuple[tuple[Maker, str, float], ...] = (
    (describe, "describe", 0.8),  # long, so it trains as many tokens as all the others
    (describe_as_json, "json", 0.2),  # longer still
    (count_all, "count", 2.0),
    (count_kind, "count", 2.0),
    (count_color, "count", 2.0),
    (at_place, "at place", 2.0),
    (where_is, "where", 2.5),
    (locate, "locate", 2.0),
    (color_of, "color", 2.5),
    (kind_of, "shape", 1.5),
    (exists, "exists", 2.5),
    (no_text, "text", 0.3),
    (outside, "text", 0.6),
)
# After answers of these topics one may ask "And the red star?".
SHORT: dict[str, tuple[Maker, ...]] = {
    "count": (count_kind, count_color),
    "place": (at_place,),
    "where": (where_is,),
    "box": (locate,),
    "color": (color_of,),
    "exists": (exists,),
}


def converse(
    rng: Random, scene: Scene, count: int, tongue: Tongue, follow_ups: float = 0.4
) -> list[Exchange]:
    """`count` exchanges about one scene, none asked twice."""
    known = [(maker, weight) for maker, topic, weight in QUESTIONS if tongue.can_ask(topic)]
    makers, weights = zip(*known, strict=True)
    exchanges: list[Exchange] = []
    while len(exchanges) < count:
        fresh = None
        if exchanges and rng.random() < follow_ups:
            fresh = follow(rng, scene, exchanges[-1], tongue)
        fresh = fresh or rng.choices(makers, weights)[0](rng, scene, tongue, False)
        if all(fresh.answer != old.answer or fresh.topic != old.topic for old in exchanges):
            exchanges.append(fresh)
    return exchanges


def follow(rng: Random, scene: Scene, last: Exchange, tongue: Tongue) -> Exchange | None:
    """A question that only makes sense after the last one, or None if there is none."""
    short = SHORT.get(last.topic, ()) if tongue.can_ask("and") else ()
    if short and (last.about is None or rng.random() < SHORT_SHARE):
        return rng.choice(short)(rng, scene, tongue, True)
    return follow_up(rng, scene, last, tongue) if last.about is not None else None


def shape_at(scene: Scene, place: str) -> Shape | None:
    return next((shape for shape in scene.shapes if shape.place == place), None)


def likely(
    rng: Random, present: list[str], possible: Collection[str], share: float = PRESENT_SHARE
) -> str:
    """One of the present values with this share, otherwise any possible one."""
    return rng.choice(present if rng.random() < share else tuple(possible))
