"""The vision tower on any device, against the CPU in float32."""

import pytest
import torch
from sightline_common.checkpoint import Checkpoint
from sightline_encoder.preprocess import PreparedImage
from sightline_encoder.vision import Placement, load_vision_tower

from tests.generator.tiny import NANO

TOLERANCE = {torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 0.2}


def images(tower):
    draw = torch.Generator().manual_seed(0)
    grids = [(1, 4, 6), (1, 8, 8)]
    return [
        PreparedImage(
            torch.randn(rows * columns, tower.patch_values, generator=draw),
            (time, rows, columns),
            columns * 14,
            rows * 14,
        )
        for time, rows, columns in grids
    ]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_features_agree_with_float32_on_the_cpu(device, dtype):
    checkpoint = Checkpoint(NANO)
    exact = load_vision_tower(checkpoint, Placement(torch.device("cpu"), torch.float32))
    tower = load_vision_tower(checkpoint, Placement(device, dtype))
    pairs = zip(tower.encode(images(tower)), exact.encode(images(exact)), strict=True)
    for actual, expected in pairs:
        assert actual.device.type == "cpu"
        assert actual.dtype == dtype
        error = (actual.float() - expected).abs().max() / expected.abs().max()
        assert error <= TOLERANCE[dtype]
