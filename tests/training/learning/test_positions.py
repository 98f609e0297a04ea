from __future__ import annotations

from random import Random

import torch

from training.build import MODEL_FOLDER, build_model
from training.learning.dataset import PATCH, collate
from training.learning.encoding import encode
from training.learning.positions import mrope_positions
from training.learning.sample import draw_sample
from training.processing import IMAGE_TOKEN, Processor
from training.world.scene import Limits

LIMITS = Limits(longest_side=196)


def test_positions_are_those_of_transformers_with_each_branch_behind_the_pictures() -> None:
    """Each conversation alone has the positions that it would have without the others."""
    processor = Processor.load(MODEL_FOLDER)
    model = build_model(processor.tokenizer).model
    picture_id = processor.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    seen = set()
    for seed in range(40):
        encoded = encode(processor, draw_sample(Random(f"positions {seed}"), LIMITS, talks=3))
        grid = encoded.patches.grid if encoded.patches else None
        for branch in range(1, int(encoded.branches.max()) + 1):
            alone = (encoded.branches == 0) | (encoded.branches == branch)
            ids = encoded.token_ids[alone][None]
            theirs, _ = model.get_rope_index(ids, (ids == picture_id).int(), grid)
            assert torch.equal(encoded.positions[:, alone], theirs[:, 0])
            seen.add((branch, 0 if grid is None else len(grid)))
    assert {(1, 0), (1, 1), (3, 1), (1, 2)} <= seen


def test_a_sample_without_words_has_no_positions() -> None:
    nothing = torch.empty(0, dtype=torch.long)
    assert mrope_positions(nothing == 1, nothing, torch.tensor([[1, 8, 8]])).shape == (3, 0)


def test_a_batch_holds_pixels_in_a_byte_each_and_positions_of_all_tokens() -> None:
    processor = Processor.load(MODEL_FOLDER)
    samples = [draw_sample(Random(seed), LIMITS, talks=1) for seed in range(2)]
    batch = collate([encode(processor, sample) for sample in samples], 0)
    assert batch.patches.dtype == torch.uint8
    assert batch.patches.shape == (batch.grid.prod(dim=1).sum(), PATCH)
    assert batch.positions.shape == (3, *batch.token_ids.shape)
