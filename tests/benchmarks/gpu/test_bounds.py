"""Bounds are arithmetic on sizes and the device's speed."""

import pytest
import torch

from benchmarks.gpu.bounds import DeviceSpeed, decode_bound, measure_speed, prefill_bound
from benchmarks.gpu.configuration import FLASH

SPEED = DeviceSpeed(bytes_per_s=1e12, flops_per_s=100e12)


def test_one_sequence_decodes_no_faster_than_the_weights_are_read():
    # 9.40 billion parameters less 0.62 billion embeddings, two bytes each.
    bound = decode_bound(FLASH, torch.float16, SPEED, 1, 0)
    assert bound == pytest.approx(1e12 / 17.56e9, rel=0.01)


def test_a_batch_shares_the_weights_but_not_its_keys_and_values():
    alone = decode_bound(FLASH, torch.float16, SPEED, 1, 1000)
    together = decode_bound(FLASH, torch.float16, SPEED, 64, 1000)
    assert 50 * alone < together < 64 * alone


def test_prefill_does_two_operations_a_parameter_and_token():
    assert prefill_bound(FLASH, SPEED, 128) == pytest.approx(100e12 / (2 * 8.2e9), rel=0.02)
    assert prefill_bound(FLASH, SPEED, 8192) < prefill_bound(FLASH, SPEED, 128)


def test_speed_of_a_device_is_measured():
    speed = measure_speed(torch.device("cpu"), torch.float32, tiny=True)
    assert speed.bytes_per_s > 0
    assert speed.flops_per_s > 0
