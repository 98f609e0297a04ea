"""One training sample: some pictures and several conversations about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from random import Random

from training.learning.topic import TOPICS, Subject, Topic
from training.talk.exchange import Exchange
from training.talk.tongue import Tongue
from training.talk.tongues import TONGUES
from training.world.picture import Picture
from training.world.scene import Limits

__all__ = [
    "EVERYTHING",
    "LOOKING",
    "PICTURE_LAST_SHARE",
    "SCENES_ALONE",
    "SCENES_TALKS",
    "SMALL_TALKS",
    "Sample",
    "Shares",
    "Subject",
    "Talk",
    "draw_sample",
]

THINKING_SHARE = 0.08
# Where the picture comes last there is one talk instead of several, so this is no large share.
PICTURE_LAST_SHARE = 0.4
# How often a conversation has one, two, ... exchanges.
LENGTHS = (0.65, 0.2, 0.1, 0.05)


@dataclass(frozen=True)
class Shares:
    """How often samples of each topic are drawn, relative to each other."""

    scene: float = 0.42
    pair: float = 0.09
    later: float = 0.07  # a second picture in a later turn
    small_talk: float = 0.04
    words: float = 0.16
    poster: float = 0.0
    receipt: float = 0.05
    dialog: float = 0.05
    chart: float = 0.12
    unread: float = 0.0  # text and charts, declined


EVERYTHING = Shares()
NOTHING = Shares(**{field.name: 0.0 for field in fields(Shares)})
LOOKING = replace(NOTHING, scene=0.6, poster=0.4)
SCENES_ALONE = replace(NOTHING, scene=1.0)
SCENES_TALKS = replace(NOTHING, scene=0.66, pair=0.15, later=0.06, small_talk=0.05, unread=0.05)
SMALL_TALKS = replace(NOTHING, scene=0.83, pair=0.13, small_talk=0.04)


@dataclass(frozen=True)
class Talk:
    """One conversation; `thought` is the reasoning before its last answer, if thinking is on."""

    exchanges: tuple[Exchange, ...]
    thought: str | None


@dataclass(frozen=True)
class Sample:
    """`pictures` and `subjects`, what they show, belong together.

    They come with the first question of each talk, or with a later one, see `Exchange.pictures`.
    Talks know nothing of each other. Where the pictures come last, or later, there is one talk,
    since nothing is shared. Without talks the sample is only for looking.
    """

    subjects: tuple[Subject, ...]
    pictures: tuple[Picture, ...]
    talks: tuple[Talk, ...]
    picture_last: bool

    def first_pictures(self) -> int:
        """How many pictures come with the first question."""
        later = (exchange.pictures for talk in self.talks for exchange in talk.exchanges)
        return len(self.pictures) - sum(later)


def draw_sample(
    rng: Random,
    limits: Limits,
    talks: int = 6,
    shares: Shares = EVERYTHING,
    tongues: Sequence[Tongue] = tuple(TONGUES.values()),
    picture_last_share: float = PICTURE_LAST_SHARE,
) -> Sample:
    """Without talks there must be a picture to look at: LOOKING."""
    topic = draw_topic(rng, limits, shares)
    picture_last = rng.random() < picture_last_share and bool(topic.pictures)
    if picture_last or not topic.shared:
        talks = min(talks, 1)
    return Sample(
        subjects=topic.subjects,
        pictures=topic.pictures,
        talks=tuple(draw_talk(rng, topic, tongues) for _ in range(talks)),
        picture_last=picture_last,
    )


def draw_topic(rng: Random, limits: Limits, shares: Shares) -> Topic:
    names = list(TOPICS)
    (name,) = rng.choices(names, [getattr(shares, name) for name in names])
    return TOPICS[name](rng, limits)


def draw_talk(rng: Random, topic: Topic, tongues: Sequence[Tongue]) -> Talk:
    (count,) = rng.choices(range(1, len(LENGTHS) + 1), LENGTHS)
    tongue = rng.choice(tongues)
    exchanges = tuple(topic.converse(rng, count, tongue))
    thinking = rng.random() < THINKING_SHARE
    return Talk(exchanges, topic.think(tongue) if thinking else None)
