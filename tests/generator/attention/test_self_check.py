"""The self-check lets right kernels pass and catches the ways in which kernels go wrong."""

import pytest
import torch
from sightline_common.config import SettingInvalidError
from sightline_generator.attention.base import AttentionDemand
from sightline_generator.attention.flash import PagedFlashAttention
from sightline_generator.attention.self_check import disagreement

from tests.generator.attention.kernels import varlen_attn

DEMAND = AttentionDemand(torch.device("cpu"), torch.bfloat16, 64)


def check(kernel):
    return disagreement(PagedFlashAttention(256, torch.bfloat16, kernel), DEMAND)


def test_right_kernel_agrees():
    assert check(varlen_attn) is None


def leaves_rows_unwritten(*arguments, **options):
    output = varlen_attn(*arguments, **options)
    output[1:] = torch.nan
    return output


def writes_zeros_for_later_sequences(*arguments, **options):
    output = varlen_attn(*arguments, **options)
    output[-1] = 0
    return output


def forgets_causality(*arguments, window_size, **options):
    return varlen_attn(*arguments, window_size=(-1, -1), **options)


def ignores_the_block_table(*arguments, block_table, **options):
    ordered = torch.arange(block_table.numel(), dtype=torch.int32).view_as(block_table)
    return varlen_attn(*arguments, block_table=ordered % len(arguments[1]), **options)


@pytest.mark.parametrize(
    "kernel",
    [
        leaves_rows_unwritten,
        writes_zeros_for_later_sequences,
        forgets_causality,
        ignores_the_block_table,
    ],
)
def test_wrong_kernel_is_caught(kernel):
    assert "differs from sdpa" in check(kernel)


def test_kernel_that_raises_is_caught():
    def raises(*_arguments, **_options):
        raise RuntimeError("no kernel image is available")

    assert check(raises) == "failed its self-check: no kernel image is available"


def test_kernel_that_takes_the_device_down_refuses_the_start(monkeypatch):
    def lost(*_arguments, **_options):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch, "ones", lost)
    with pytest.raises(SettingInvalidError, match="torch-flash-paged crashed cpu"):
        check(lost)
