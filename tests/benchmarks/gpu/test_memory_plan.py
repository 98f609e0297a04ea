"""What fits into which GPU, by arithmetic on the published configuration."""

import pytest
import torch

from benchmarks.gpu.configuration import FLASH
from benchmarks.gpu.memory import PROMISE_GB
from benchmarks.gpu.memory_plan import GB, kv_bytes_per_token, memory_plan
from benchmarks.gpu.weights import LANGUAGE_MODEL, VISION_TOWER, checkpoint_shapes, count

HIDDEN, INNER, LAYERS, VOCABULARY, KV = 4096, 13696, 40, 151552, 2 * 128


def test_language_model_has_the_parameters_of_its_formula():
    attention = 2 * HIDDEN * HIDDEN + HIDDEN + 2 * (HIDDEN * KV + KV)
    layer = attention + 3 * HIDDEN * INNER + 4 * HIDDEN
    expected = LAYERS * layer + 2 * VOCABULARY * HIDDEN + HIDDEN
    assert count(checkpoint_shapes(FLASH), LANGUAGE_MODEL) == expected


def test_nothing_but_language_model_and_tower_is_in_a_checkpoint():
    shapes = checkpoint_shapes(FLASH)
    whole = sum(shape.numel() for shape in shapes.values())
    assert count(shapes, LANGUAGE_MODEL) + count(shapes, VISION_TOWER) == whole


def test_a_token_takes_40_kib_of_keys_and_values():
    assert kv_bytes_per_token(FLASH, torch.float16) == 40 * 1024


def test_float16_with_8192_tokens_keeps_the_promise():
    plan = memory_plan(FLASH, torch.float16, 8192)
    assert plan.kv_cache == 8192 * 40 * 1024
    assert plan.total < PROMISE_GB * GB


@pytest.mark.parametrize(("num_tokens", "fits"), [(60_000, True), (90_000, False)])
def test_a_24_gb_card_holds_this_many_tokens(num_tokens, fits):
    assert (memory_plan(FLASH, torch.float16, num_tokens).total <= 24 * GB) == fits
