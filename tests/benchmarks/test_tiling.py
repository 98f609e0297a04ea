"""The tower of the 9B model's shape, as far as a test can hold it."""

import torch

from benchmarks import tiling


def test_tower_of_the_large_shape_computes_features(monkeypatch):
    small = {"hidden_size": 64, "intermediate_size": 96, "out_hidden_size": 96, "num_heads": 2}
    monkeypatch.setattr(tiling, "LARGE_TOWER", {**tiling.LARGE_TOWER, **small})
    tower = tiling._large_tower(layers=1)
    (features,) = tower.encode([tiling._noise(tower, 112)])
    assert features.shape == (16, 96)
    assert torch.isfinite(features).all()
