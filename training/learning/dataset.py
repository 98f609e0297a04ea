"""An endless stream of batches, drawn as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import torch
from torch.utils.data import IterableDataset

from training.learning.encoding import IGNORED, Encoded, encode
from training.learning.sample import draw_sample
from training.learning.stage import Stage
from training.processing import Processor
from training.world.scene import Limits

PADDING = -1  # the branch of what fills up a sequence
PATCH = 3 * 2 * 14 * 14  # values: channels, frames, height, width
POOL = 8  # batches that are drawn together and sorted by length
# Batches only for looking are cheap, so they are larger and show more shapes.
LOOK_FACTOR = 2
CROWD = 6


@dataclass(frozen=True)
class Batch:
    """Sequences padded on the right.

    token_ids, labels, branches: int64 [sequences, tokens], see `Encoded`;
    pixel_values: float32 [patches, PATCH]; grid: int64 [pictures, 3];
    sights: int64 [visual tokens, SIGHT].
    """

    token_ids: torch.Tensor
    labels: torch.Tensor
    branches: torch.Tensor
    pixel_values: torch.Tensor
    grid: torch.Tensor
    sights: torch.Tensor


def collate(encoded: list[Encoded], pad_id: int) -> Batch:
    pixels = [item.pixels for item in encoded if item.pixels is not None]
    return Batch(
        token_ids=padded([item.token_ids for item in encoded], pad_id),
        labels=padded([item.labels for item in encoded], IGNORED),
        branches=padded([item.branches for item in encoded], PADDING),
        pixel_values=torch.cat([torch.empty(0, PATCH), *(item.values for item in pixels)]),
        grid=torch.cat([torch.empty(0, 3, dtype=torch.long), *(item.grid for item in pixels)]),
        sights=torch.cat([item.sights for item in encoded]),
    )


def padded(rows: list[torch.Tensor], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


class SampleStream(IterableDataset[Batch]):
    """Batches of similar lengths. The n-th batch depends on seed, stage and n alone."""

    def __init__(
        self, processor: Processor, stage: Stage, batch_size: int, seed: int, start: int = 0
    ) -> None:
        self.processor = processor
        self.stage = stage
        self.batch_size = batch_size
        self.seed = seed
        self.start = start  # batches already consumed

    def __iter__(self) -> Iterator[Batch]:
        pool, skipped = divmod(self.start, POOL)
        while True:
            yield from self.draw_pool(pool)[skipped:]
            pool, skipped = pool + 1, 0

    def draw_pool(self, pool: int) -> list[Batch]:
        rng = Random(f"train {self.seed} {pool}")
        looks = round(POOL * self.stage.look_share)
        crowded = replace(self.stage.limits, most_shapes=CROWD)
        slices = self.draw_batches(rng, looks, LOOK_FACTOR * self.batch_size, crowded, 0)
        stage = self.stage
        slices += self.draw_batches(rng, POOL - looks, self.batch_size, stage.limits, stage.talks)
        rng.shuffle(slices)
        pad_id = self.processor.tokenizer.pad_token_id
        return [collate(piece, pad_id) for piece in slices]

    def draw_batches(
        self, rng: Random, batches: int, size: int, limits: Limits, talks: int
    ) -> list[list[Encoded]]:
        """Samples in batches of similar size."""
        count = batches * size
        samples = (draw_sample(rng, limits, talks) for _ in range(count))
        drawn = [encode(self.processor, sample) for sample in samples]
        drawn.sort(key=lambda item: (len(item.token_ids), len(item.sights)))
        return [drawn[start : start + size] for start in range(0, count, size)]
