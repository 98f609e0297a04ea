"""What is said without a picture."""

from __future__ import annotations

from random import Random

from training.talk.beyond import ask_outside
from training.talk.charttalk import converse_about_chart
from training.talk.exchange import Exchange
from training.talk.reading import converse_about_text
from training.talk.scenetalk import converse
from training.talk.tongue import Tongue
from training.world.charts import draw_chart
from training.world.dialogs import draw_dialog
from training.world.receipts import draw_receipt
from training.world.scene import Limits, draw_scene
from training.world.words import draw_words


def small_talk(rng: Random, count: int, tongue: Tongue) -> list[Exchange]:
    """Exchanges without a picture; a question about one gets no invented answer."""
    opening = rng.choice(("greeting", "about", "lost", "lost", "lost", "outside", "outside"))
    later = ("about", "thanks", "lost", "lost", "outside")
    topics = [opening, *(rng.choice(later) for _ in range(count - 1))]
    return [ask_without_picture(rng, topic, tongue) for topic in topics]


def ask_without_picture(rng: Random, topic: str, tongue: Tongue) -> Exchange:
    if topic == "lost":
        return lost_question(rng, tongue)
    if topic == "outside":
        return ask_outside(rng, tongue, picture=False)
    return Exchange(topic, tongue.ask(rng, topic), tongue.say(topic))


def lost_question(rng: Random, tongue: Tongue) -> Exchange:
    """About a picture that is not there."""
    makers = (ask_scene, ask_text, ask_chart) if tongue.can_ask("text") else (ask_scene,) * 3
    maker = rng.choices(makers, (0.6, 0.25, 0.15))[0]
    return Exchange("no picture", maker(rng, tongue).question, tongue.say("no picture"))


def ask_scene(rng: Random, tongue: Tongue) -> Exchange:
    limits = Limits(kinds=tuple(tongue.kinds), colors=tuple(tongue.colors))
    scene = draw_scene(rng, limits)
    while True:
        asked = converse(rng, scene, 1, tongue)[0]
        if asked.topic != "outside":
            return asked


def ask_text(rng: Random, tongue: Tongue) -> Exchange:
    text = rng.choice((draw_words, draw_receipt, draw_dialog))(rng)
    return converse_about_text(rng, text, 1, tongue.language)[0]


def ask_chart(rng: Random, tongue: Tongue) -> Exchange:
    return converse_about_chart(rng, draw_chart(rng), 1, tongue.language)[0]
