"""One donor, and two later pictures: the same on a journey, and a different one on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from PIL import Image
from sightline_encoder.comparison_image import ComparisonImage, comparison_options, decode
from sightline_encoder.confirmation import compare
from sightline_encoder.image import MediaLimits
from sightline_encoder.similar_pictures import SimilarPictures, as_donor
from sightline_encoder.similarity_index import Donor

from benchmarks.similar import forms, worlds
from benchmarks.similar.journeys import JOURNEYS, File, Journey
from benchmarks.similar.twin import Draw, Twin

KINDS: Mapping[str, Draw] = {
    "small print: a digit": forms.draw_changed_digit,
    "small print: a letter": forms.draw_changed_letter,
    "small print: a mark": forms.draw_changed_mark,
    "small print: all values": forms.draw_other_record,
    "screen: the clock": forms.draw_changed_clock,
    "screen: a caret": forms.draw_blinking_caret,
    "screen: a state's colour": forms.draw_changed_state,
    "receipt: a digit": worlds.draw_changed_receipt,
    "dialog: a letter": worlds.draw_changed_dialog,
    "chart: a value": worlds.draw_changed_chart,
    "scene: a colour": worlds.draw_changed_color,
    "scene: a place": worlds.draw_moved_shape,
}
SEEN_PIXELS = 451_584
_INDEX_BYTES = 2**40


@dataclass(frozen=True)
class Trial:
    """What became of one later picture.

    `distance` and `noise` compare it with its own donor, whether that was proposed or not.
    `matched` says that its donor was found among all donors, `mistaken` that another was.
    """

    kind: str
    journey: str
    different: bool
    distance: float
    noise: float
    confirmed: bool
    matched: bool
    mistaken: bool
    decode_s: float
    search_s: float


@dataclass(frozen=True)
class Sample:
    """Twins of one kind, by number; drawn anew whenever they are wanted, always alike."""

    kind: str
    number: int

    @property
    def key(self) -> str:
        return f"{self.kind} {self.number}"

    def draw(self) -> Twin:
        """Returns twins that differ: a face may draw two characters alike."""
        rng = Random(self.key)
        while True:
            twin = KINDS[self.kind](rng)
            if twin.original.tobytes() != twin.changed.tobytes():
                return twin


def run_trials(samples: Sequence[Sample], name: str) -> list[Trial]:
    """Makes all originals donors, and then looks up what comes later from a journey."""
    journey = JOURNEYS[name]
    twins = {sample: sample.draw() for sample in samples}
    similar = SimilarPictures(_INDEX_BYTES)
    donors = {
        sample: as_donor(sample.key, "", looked_at(twin.original, journey.donor))
        for sample, twin in twins.items()
    }
    for donor in donors.values():
        similar.index.add(donor)
    return [
        run_trial(sample, name, journey, twin, similar, donors[sample], different)
        for sample, twin in twins.items()
        for different in (False, True)
    ]


def run_trial(
    sample: Sample,
    name: str,
    journey: Journey,
    twin: Twin,
    similar: SimilarPictures,
    donor: Donor,
    different: bool,
) -> Trial:
    data = journey.candidate(twin.changed if different else twin.original)
    started = time.perf_counter()
    image = look(data)
    decoded = time.perf_counter()
    matches = asyncio.run(similar.matches(as_donor("later", "", image)))
    ended = time.perf_counter()
    comparison = compare(donor.image, image)
    keys = {match.key for match in matches}
    return Trial(
        kind=sample.kind,
        journey=name,
        different=different,
        distance=comparison.distance,
        noise=comparison.noise,
        confirmed=comparison.confirmed,
        matched=sample.key in keys,
        mistaken=bool(keys - {sample.key}),
        decode_s=decoded - started,
        search_s=ended - decoded,
    )


def looked_at(image: Image.Image, file: File) -> ComparisonImage:
    return look(file(image))


def look(data: bytes) -> ComparisonImage:
    """Decodes as the encoder's workers do."""
    return ComparisonImage.of(decode(data, comparison_options(MediaLimits(), SEEN_PIXELS)))
