"""What is said without a picture."""

from __future__ import annotations

from random import Random

from training.talk.scenetalk import Exchange, converse
from training.world.scene import Limits, draw_scene

GREETINGS = ("Hello", "Hello!", "Hi", "Hi!", "Hi there!", "Hey", "Good morning!", "Hello there")
WELCOME = "Hello! Show me a picture and ask me about its shapes."
ABOUT = ("Who are you?", "What are you?", "What is your name?", "What can you do?", "Help")
NAME = "I am sightline-nano. I answer questions about pictures of colored shapes."
THANKS = ("Thanks", "Thank you!", "Thank you", "Thanks!")
PLEASURE = "You are welcome."
NO_PICTURE = "I need a picture to answer that."


def small_talk(rng: Random) -> list[Exchange]:
    """One or two exchanges without a picture; a question about one gets no invented answer."""
    opening = rng.choice((greeting, about, lost_question, lost_question, lost_question))(rng)
    if rng.random() < 0.5:
        return [opening]
    return [opening, rng.choice((thanks, lost_question))(rng)]


def greeting(rng: Random) -> Exchange:
    return Exchange("greeting", rng.choice(GREETINGS), WELCOME)


def about(rng: Random) -> Exchange:
    return Exchange("about", rng.choice(ABOUT), NAME)


def thanks(rng: Random) -> Exchange:
    return Exchange("thanks", rng.choice(THANKS), PLEASURE)


def lost_question(rng: Random) -> Exchange:
    asked = converse(rng, draw_scene(rng, Limits()), 1)[0]
    return Exchange("no picture", asked.question, NO_PICTURE)
