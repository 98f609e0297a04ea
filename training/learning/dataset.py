"""An endless sequence of batches, drawn as it is read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from random import Random

import torch
from torch.utils.data import DataLoader, Dataset

from training.learning.encoding import IGNORED, Encoded, encode
from training.learning.sample import draw_sample
from training.learning.stage import Stage, stage_at
from training.processing import Processor

PADDING = -1  # the branch of what fills up a sequence
PATCH = 3 * 14 * 14  # values: channels, height, width
POOL = 8  # batches that are drawn together and sorted by length
PATCHES = 550  # of a sample, a pool's mean at most; 445 of a talk and 360 of a look were counted
FARTHER = 1.25  # what lies beside the patches: labels of visual tokens, above all
# Batches only for looking are cheap, so they are larger and show more shapes.
LOOK_FACTOR = 2
CROWD = 6


@dataclass(frozen=True)
class Batch:
    """Sequences padded on the right.

    token_ids, labels, branches: int64 [sequences, tokens], see `Encoded`;
    positions: int64 [3, sequences, tokens]; grid: int64 [pictures, 3];
    patches: uint8 [patches, PATCH], see `Patches`; sights: int64 [visual tokens, SIGHT].
    """

    token_ids: torch.Tensor
    labels: torch.Tensor
    branches: torch.Tensor
    positions: torch.Tensor
    patches: torch.Tensor
    grid: torch.Tensor
    sights: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(**{each.name: getattr(self, each.name).to(device) for each in fields(self)})


def collate(encoded: list[Encoded], pad_id: int) -> Batch:
    cut = [item.patches for item in encoded if item.patches is not None]
    nothing = torch.empty(0, PATCH, dtype=torch.uint8)
    positions = padded([item.positions.T for item in encoded], 0)
    return Batch(
        token_ids=padded([item.token_ids for item in encoded], pad_id),
        labels=padded([item.labels for item in encoded], IGNORED),
        branches=padded([item.branches for item in encoded], PADDING),
        positions=positions.permute(2, 0, 1),
        patches=torch.cat([nothing, *(item.values for item in cut)]),
        grid=torch.cat([torch.empty(0, 3, dtype=torch.long), *(item.grid for item in cut)]),
        sights=torch.cat([item.sights for item in encoded]),
    )


def padded(rows: list[torch.Tensor], value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


class BatchPools(Dataset[list[Batch]]):
    """Batches by number, POOL of them an item: those of pool p are p * POOL and the following.

    The n-th batch depends on seed, curriculum, batch size and n alone, whoever draws it.
    """

    def __init__(
        self,
        processor: Processor,
        curriculum: Sequence[Stage],
        batch_size: int,
        seed: int,
    ) -> None:
        self.processor = processor
        self.curriculum = curriculum
        self.batch_size = batch_size
        self.seed = seed

    def most_bytes(self) -> int:
        """What one process may have on its way in shared memory: two pools, one being read."""
        samples = POOL * self.batch_size * (1 + self.curriculum[-1].look_share * (LOOK_FACTOR - 1))
        return round(2 * samples * PATCHES * PATCH * FARTHER)

    def __getitem__(self, pool: int) -> list[Batch]:
        numbers = range(pool * POOL, (pool + 1) * POOL)
        stages = [stage_at(self.curriculum, number) for number in numbers]
        drawn = {
            start: self.draw_pool(stage, pool)
            for start, stage in {stage.start: stage for stage in stages}.items()
        }
        return [drawn[stage.start][index] for index, stage in enumerate(stages)]

    def draw_pool(self, stage: Stage, pool: int) -> list[Batch]:
        rng = Random(f"train {self.seed} {pool}")
        looks = round(POOL * stage.look_share)
        crowded = replace(stage.limits, most_shapes=CROWD)
        looking = replace(stage, limits=crowded, talks=0, shares=stage.looks)
        slices = self.draw_batches(rng, looks, LOOK_FACTOR * self.batch_size, looking)
        slices += self.draw_batches(rng, POOL - looks, self.batch_size, stage)
        rng.shuffle(slices)
        pad_id = self.processor.tokenizer.pad_token_id
        return [collate(piece, pad_id) for piece in slices]

    def draw_batches(
        self, rng: Random, batches: int, size: int, stage: Stage
    ) -> list[list[Encoded]]:
        """Samples in batches of similar size."""
        count = batches * size
        drawn = [
            draw_sample(
                rng,
                stage.limits,
                stage.talks,
                stage.shares,
                stage.tongues,
                stage.picture_last_share,
            )
            for _ in range(count)
        ]
        encoded = [encode(self.processor, sample) for sample in drawn]
        encoded.sort(key=lambda item: (len(item.token_ids), len(item.sights)))
        return [encoded[start : start + size] for start in range(0, count, size)]


def stream(pools: BatchPools, start: int, workers: int) -> Iterator[Batch]:
    """The batches from number `start` on, in order, drawn by so many processes (0: this one)."""
    pool, skipped = divmod(start, POOL)
    loader: DataLoader[list[Batch]] = DataLoader(
        pools,
        batch_size=None,
        sampler=itertools.count(pool),
        num_workers=workers,
        # Pools are large; many processes are ahead enough with one each.
        prefetch_factor={0: None, 1: 2}.get(workers, 1),
    )
    return itertools.islice(itertools.chain.from_iterable(loader), skipped, None)
