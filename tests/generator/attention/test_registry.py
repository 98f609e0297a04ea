"""Which implementation a machine gets, and why."""

import pytest
import torch
from sightline_common.config import SettingInvalidError
from sightline_generator.attention import registry
from sightline_generator.attention.base import AttentionDemand, Feature
from sightline_generator.attention.flash import (
    FlashAttention2,
    FlashAttention3,
    GatheredFlashAttention,
    PagedFlashAttention,
)
from sightline_generator.attention.registry import choose_attention, refusal
from sightline_generator.attention.sdpa import SdpaAttention

CPU = AttentionDemand(torch.device("cpu"), torch.float32, 64)
GPU = AttentionDemand(torch.device("cuda:0"), torch.bfloat16, 128)
FLASH = [FlashAttention3, FlashAttention2, GatheredFlashAttention, PagedFlashAttention]


@pytest.fixture
def machine(monkeypatch):
    """Pretends a GPU of some generation with packages installed, and kernels that are right."""

    def pretend(capability, **versions):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
        flash = "sightline_generator.attention.flash"
        monkeypatch.setattr(f"{flash}._installed", lambda package: versions.get("flash_attn"))
        monkeypatch.setattr(f"{flash}.find_spec", lambda module: versions.get(module))
        monkeypatch.setattr(f"{flash}.import_module", _Anything)
        monkeypatch.setattr(registry, "disagreement", lambda attention, demand: None)

    return pretend


class _Anything:
    def __init__(self, name):
        self.name = name

    def __getattr__(self, name):
        return f"{self.name}.{name}"


@pytest.mark.parametrize(
    ("capability", "versions", "chosen"),
    [
        ((9, 0), {"flash_attn_interface": True, "flash_attn": (2, 8)}, "flash-attn-3"),
        ((9, 0), {"flash_attn": (2, 8)}, "flash-attn-2"),
        ((8, 6), {"flash_attn_interface": True, "flash_attn": (2, 8)}, "flash-attn-2"),
        ((8, 9), {"flash_attn": (2, 5)}, "torch-flash"),
        ((12, 0), {}, "torch-flash"),
        ((7, 5), {"flash_attn": (2, 8)}, "sdpa"),
    ],
)
def test_auto_takes_the_best_that_the_machine_has(machine, capability, versions, chosen):
    machine(capability, **versions)
    assert choose_attention("auto", 16, GPU).name == chosen


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wide_types_on_a_gpu_get_sdpa(machine, dtype):
    machine((9, 0), flash_attn_interface=True, flash_attn=(2, 8))
    demand = AttentionDemand(GPU.device, dtype, 128)
    assert choose_attention("auto", 16, demand).name == "sdpa"


def test_setting_overrides_the_order(machine):
    machine((9, 0), flash_attn_interface=True, flash_attn=(2, 8))
    assert choose_attention("torch-flash-paged", 16, GPU).name == "torch-flash-paged"


def test_family_that_needs_alibi_gets_an_implementation_that_has_it(machine):
    machine((9, 0), flash_attn_interface=True, flash_attn=(2, 8))
    demand = AttentionDemand(GPU.device, GPU.dtype, 128, frozenset({Feature.ALIBI}))
    assert choose_attention("auto", 16, demand).name == "flash-attn-2"
    with pytest.raises(SettingInvalidError, match="has no ALiBi slopes"):
        choose_attention("torch-flash", 16, demand)


@pytest.mark.parametrize("kind", FLASH)
def test_flash_attention_is_refused_on_a_cpu_with_the_reason(kind):
    with pytest.raises(SettingInvalidError, match="needs an NVIDIA GPU"):
        choose_attention(kind.name, 16, CPU)


@pytest.mark.parametrize("size", [12, 320])
def test_head_size_that_the_kernels_lack_is_refused(size):
    demand = AttentionDemand(GPU.device, GPU.dtype, size)
    assert "multiples of 8" in refusal(PagedFlashAttention, demand)


def test_unknown_implementation_is_refused_with_a_choice():
    with pytest.raises(SettingInvalidError, match=r"choose auto or one of .*torch-flash.*sdpa"):
        choose_attention("fastest", 16, CPU)


@pytest.mark.parametrize(
    ("kind", "grain", "size"),
    [
        (SdpaAttention, 16, 16),
        (FlashAttention3, 16, 16),
        (FlashAttention2, 16, 256),
        (GatheredFlashAttention, 16, 16),
        (PagedFlashAttention, 256, 256),
        (PagedFlashAttention, 384, 768),
    ],
)
def test_block_size_suits_kernel_and_hash_grain(kind, grain, size):
    assert kind.block_size_for(grain) == size


def test_failing_self_check_passes_an_implementation_over(machine, monkeypatch, caplog):
    machine((8, 0), flash_attn=(2, 8))
    wrong = {"flash-attn-2": "differs from sdpa by nan in its self-check"}
    monkeypatch.setattr(
        registry, "disagreement", lambda attention, demand: wrong.get(attention.name)
    )
    with caplog.at_level("INFO"):
        assert choose_attention("auto", 16, GPU).name == "torch-flash"
    (record,) = [record for record in caplog.records if record.message == "attention chosen"]
    assert "flash-attn-2: differs from sdpa by nan" in record.fields["refused"]
    with pytest.raises(SettingInvalidError, match="differs from sdpa"):
        choose_attention("flash-attn-2", 16, GPU)
