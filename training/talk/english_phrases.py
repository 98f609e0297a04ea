"""What is answered in English."""

from __future__ import annotations

from training.talk.tongue import Phrases

# Without a capital letter at the beginning and a full stop at the end.
ANSWERS = {
    "where": "{}",
    "absent": "there is no {}",
    "nothing": "there is nothing {}",
    "yes": "yes, there is {1}",
    "no": "no, there is no {0}",
    "picture": "the {} picture",
    "both": "both pictures",
    "neither": "neither picture",
    "same count": "both have the same number of shapes",
    "other count": "no, they have {} and {}",
    "equal count": "yes, both have {}",
    "describe both": "the first picture shows {}. The second picture shows {}",
    "greeting": "hello! Show me a picture and ask me about its shapes",
    "about": "I am sightline-nano. I answer questions about pictures of colored shapes, printed "
    "words and charts",
    "thanks": "you are welcome",
    "no picture": "I need a picture to answer that",
    "outside": "I cannot answer that. I only know shapes, words and charts",
    "text": "there is no text in the picture",
    "chart": "there is no chart in the picture",
    "thought": "the picture shows {}",
    "thought of two": "the pictures show {} and {} shapes",
    "thought of none": "there is no picture",
    "thought of unread": "the picture shows something else than shapes",
}
# Of weights that know nothing but scenes.
SCENES_ANSWERS = ANSWERS | {
    "about": "I am sightline-nano. I answer questions about pictures of colored shapes",
    "outside": "I cannot answer that. I only know colored shapes",
}
ORDINALS = ("first", "second")
SYNONYMS: Phrases = {
    "gray": ("grey",),
    "in the center": ("in the middle", "in the centre"),
    "at the top left": ("in the top left corner", "at the upper left"),
    "at the top right": ("in the top right corner", "at the upper right"),
    "at the bottom left": ("in the bottom left corner", "at the lower left"),
    "at the bottom right": ("in the bottom right corner", "at the lower right"),
    "on the left": ("on the left side", "at the left"),
    "on the right": ("on the right side", "at the right"),
}
