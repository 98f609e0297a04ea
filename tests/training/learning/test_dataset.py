from __future__ import annotations

import itertools
from dataclasses import fields

import pytest
import torch

from training.build import MODEL_FOLDER
from training.learning.dataset import POOL, Batch, BatchPools, stream
from training.learning.sample import SCENES_ALONE
from training.learning.stage import Stage, stage_at
from training.processing import Processor
from training.world.scene import Limits

LIMITS = Limits(most_shapes=2, longest_side=140)
CURRICULUM = (
    Stage(0, LIMITS, look_share=1.0, looks=SCENES_ALONE),
    Stage(5, LIMITS, talks=1, look_share=0.0),
)


@pytest.fixture(scope="module")
def pools() -> BatchPools:
    return BatchPools(Processor.load(MODEL_FOLDER), CURRICULUM, 2, seed=3)


def first(pools: BatchPools, start: int, count: int, workers: int = 0) -> list[Batch]:
    return list(itertools.islice(stream(pools, start, workers), count))


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Batch))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_batches_do_not_depend_on_who_draws_them(pools: BatchPools, workers: int) -> None:
    alone = first(pools, 3, 2 * POOL)
    drawn = first(pools, 3, 2 * POOL, workers)
    assert all(same(one, other) for one, other in zip(alone, drawn, strict=True))


def test_a_stream_begins_with_any_batch(pools: BatchPools) -> None:
    whole = first(pools, 0, POOL + 3)
    for start in (1, POOL - 1, POOL, POOL + 2):
        assert same(first(pools, start, 1)[0], whole[start])


def test_batches_differ_among_each_other_and_by_seed(pools: BatchPools) -> None:
    batches = first(pools, 0, POOL)
    assert not any(same(one, other) for one, other in itertools.combinations(batches, 2))
    other_seed = BatchPools(pools.processor, CURRICULUM, 2, seed=4)
    assert not same(first(other_seed, 0, 1)[0], batches[0])


def test_a_stage_begins_at_its_batch_even_within_a_pool(pools: BatchPools) -> None:
    talks = [batch.token_ids.shape[1] > 0 for batch in first(pools, 0, POOL)]
    assert talks == [number >= 5 for number in range(POOL)]


def test_the_stage_of_a_batch_is_the_last_that_has_begun() -> None:
    assert [stage_at(CURRICULUM, number) for number in (0, 4, 5, 999)] == [
        *(CURRICULUM[0], CURRICULUM[0], CURRICULUM[1], CURRICULUM[1])
    ]
