"""Questions about two pictures and their true answers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from training.talk.call import ANY, Call, calls_of, missing, name_of, unique_calls
from training.talk.exchange import Exchange
from training.talk.scenetalk import follow_up
from training.talk.tongue import Tongue
from training.world.scene import Scene

Pair = tuple[Scene, Scene]
FOLLOW_UPS = 0.4


def describe_one(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    index = rng.randrange(2)
    question = tongue.ask(rng, "describe one", tongue.ordinals[index])
    return Exchange("pair", question, tongue.described(scenes[index].shapes))


def describe_both(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    lists = (tongue.list(scene.shapes) for scene in scenes)
    return Exchange("pair", tongue.ask(rng, "describe both"), tongue.say("describe both", *lists))


def count_one(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    index = rng.randrange(2)
    question = tongue.ask(rng, "count one", tongue.ordinals[index])
    return Exchange("pair", question, tongue.there_are(len(scenes[index].shapes), ANY))


def color_in_one(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    index = rng.randrange(2)
    scene = scenes[index]
    kinds = [(shape, Call(kind=shape.kind)) for shape in scene.shapes]
    unique = [(shape, call) for shape, call in kinds if len(call.fitting(scene)) == 1]
    if not unique:
        return where_in_one(rng, scenes, tongue)
    shape, call = rng.choice(unique)
    question = tongue.ask(rng, "color in one", tongue.noun(call), tongue.ordinals[index])
    return Exchange("pair", question, tongue.sentence(tongue.colors[shape.color]), shape)


def where_in_one(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    index = rng.randrange(2)
    unique = unique_calls(scenes[index])
    if not unique:
        return describe_one(rng, scenes, tongue)
    shape, call = rng.choice(unique)
    question = tongue.ask(rng, "where in one", tongue.noun(call), tongue.ordinals[index])
    return Exchange("pair", question, tongue.say("where", tongue.places[shape.place]), shape)


def exists_in_one(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    """Half of what is not there is in the other picture."""
    index = rng.randrange(2)
    calls = [[call for shape in scene.shapes for call in calls_of(shape)] for scene in scenes]
    call = rng.choice(
        rng.choice((calls[index], calls[index], calls[1 - index], []))
        or [missing(rng, scenes[index], tongue.kinds, tongue.colors)]
    )
    question = tongue.ask(rng, "exists in one", tongue.some(call), tongue.ordinals[index])
    verdict = "yes" if call.fitting(scenes[index]) else "no"
    return Exchange("pair", question, tongue.say(verdict, tongue.noun(call), tongue.one(call)))


def more(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    first, second = (len(scene.shapes) for scene in scenes)
    answer = tongue.say("picture", tongue.ordinals[second > first])
    if first == second:
        answer = tongue.say("same count")
    return Exchange("pair", tongue.ask(rng, "more"), answer)


def same_count(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    first, second = (len(scene.shapes) for scene in scenes)
    answer = tongue.say("other count", tongue.number(first), tongue.number(second))
    if first == second:
        answer = tongue.say("equal count", tongue.number(first))
    return Exchange("pair", tongue.ask(rng, "same count"), answer)


def which(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    call = name_of(rng.choice(rng.choice(scenes).shapes))
    question = tongue.ask(rng, "which", tongue.some(call))
    first, second = (bool(call.fitting(scene)) for scene in scenes)
    if first and second:
        return Exchange("pair", question, tongue.say("both"))
    return Exchange("pair", question, tongue.say("picture", tongue.ordinals[second]))


PairMaker = Callable[[Random, Pair, Tongue], Exchange]
# Each with what a tongue must be able to ask, and how often it is asked.
QUESTIONS: tuple[tuple[PairMaker, str, float], ...] = (
    (describe_one, "describe one", 1.0),
    (describe_both, "describe both", 0.3),  # long
    (count_one, "count one", 1.0),
    (color_in_one, "color in one", 1.0),
    (where_in_one, "where in one", 1.0),
    (exists_in_one, "exists in one", 1.0),
    (more, "more", 1.0),
    (same_count, "same count", 0.5),
    (which, "which", 1.5),
)


def ask_about_two(rng: Random, scenes: Pair, tongue: Tongue) -> Exchange:
    known = [(maker, weight) for maker, topic, weight in QUESTIONS if tongue.can_ask(topic)]
    makers, weights = zip(*known, strict=True)
    maker: PairMaker = rng.choices(makers, weights)[0]
    return maker(rng, scenes, tongue)


def converse_about_two(rng: Random, scenes: Pair, count: int, tongue: Tongue) -> list[Exchange]:
    """`count` exchanges about two pictures, none asked twice."""
    exchanges: list[Exchange] = []
    while len(exchanges) < count:
        last = exchanges[-1].about if exchanges else None
        if last is not None and rng.random() < FOLLOW_UPS:
            scene = scenes[last in scenes[1].shapes]
            fresh = follow_up(rng, scene, exchanges[-1], tongue)
        else:
            fresh = ask_about_two(rng, scenes, tongue)
        if all(fresh.question != old.question for old in exchanges):
            exchanges.append(fresh)
    return exchanges
