"""One short true sentence, thought before an answer."""

from __future__ import annotations

from training.talk.pairtalk import Pair
from training.talk.tongue import Tongue
from training.world.scene import Scene


def think_about_scene(scene: Scene, tongue: Tongue) -> str:
    return tongue.say("thought", tongue.list(scene.shapes))


def think_about_two(scenes: Pair, tongue: Tongue) -> str:
    return tongue.say("thought of two", *(str(len(scene.shapes)) for scene in scenes))


def think_about_none(tongue: Tongue) -> str:
    return tongue.say("thought of none")


def think_about_unread(tongue: Tongue) -> str:
    return tongue.say("thought of unread")
