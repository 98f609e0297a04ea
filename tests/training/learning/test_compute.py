"""Devices that this machine lacks are stood in for by `meta`, which computes shapes only."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from training.build import MODEL_FOLDER, build_model
from training.learning import compute
from training.learning.compute import Compute, keep_freed_memory, return_freed_memory
from training.learning.dataset import BatchPools
from training.learning.learner import Learner, products_dtype, visible
from training.learning.optimizer import build_optimizers, set_learning_rate, step
from training.learning.positions import shifts
from training.learning.stage import Stage
from training.processing import Processor
from training.world.scene import Limits

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_f": True, "avx512_bf16": False}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_a_cpu_computes_bfloat16_products_where_it_has_them(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert Compute.choose("cpu").products == expected


def test_the_choice_can_be_overridden() -> None:
    assert Compute.choose("cpu", "float32").products == torch.float32
    assert Compute.choose("cpu", "bfloat16").products == torch.bfloat16


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, count=1)
    assert Compute.choose() == Compute(torch.device("cuda"), torch.bfloat16)


def pretend_gpus(
    monkeypatch: pytest.MonkeyPatch, count: int, capability: tuple[int, int] = (9, 0)
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)


def test_the_gpu_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, count=2)
    assert Compute.choose("cuda:1").device == torch.device("cuda", 1)
    current = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    Compute.choose("cuda:1").make_current()
    Compute.choose("cpu").make_current()
    Compute.choose("cuda").make_current()  # torch refuses one without a number
    assert current == [torch.device("cuda", 1)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cuda:2", "the last GPU that torch sees is cuda:1"),
        ("gpu", "none of auto, cpu, cuda"),
        ("cuda:one", "none of auto, cpu, cuda"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    pretend_gpus(monkeypatch, count=2)
    with pytest.raises(ValueError, match=told):
        Compute.choose(name)


def test_gpus_before_ampere_compute_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, count=1, capability=(7, 5))
    assert Compute.choose("cuda").products == torch.float32


def test_a_missing_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Compute.choose("auto").device == CPU
    with pytest.raises(ValueError, match="use --device cpu"):
        Compute.choose("cuda")


@pytest.mark.parametrize("products", [torch.bfloat16, torch.float32])
def test_products_have_the_chosen_type(products: torch.dtype) -> None:
    one = torch.ones(2, 2)
    with Compute(CPU, products).autocast():
        assert (one @ one).dtype == products
        assert products_dtype(CPU) == products
        assert visible(torch.zeros(1, 3, dtype=torch.long)).dtype == products


def test_masks_and_shifts_are_made_where_the_batch_is() -> None:
    branches = torch.zeros(2, 5, dtype=torch.long, device="meta")
    assert visible(branches).device.type == "meta"
    assert shifts(branches).device.type == "meta"


def test_a_step_makes_no_tensor_without_naming_its_device() -> None:
    processor = Processor.load(MODEL_FOLDER)
    learner = Learner(build_model(processor.tokenizer))
    stage = Stage(0, Limits(most_shapes=2, longest_side=140), talks=2, look_share=0.5)
    for batch in BatchPools(processor, (stage,), 2, seed=0)[0]:
        # Whatever names no device would now be made elsewhere and not fit the batch.
        with torch.device("meta"):
            losses = learner(batch)
        assert losses.answer.device == losses.sight.total().device == CPU


def test_a_learner_attends_as_is_fastest_on_its_device() -> None:
    learner = Learner(build_model(Processor.load(MODEL_FOLDER).tokenizer))
    text = learner.model.model.language_model.config
    assert text._attn_implementation == "sdpa"
    learner.place(CPU, torch.bfloat16)
    assert text._attn_implementation == "eager"
    assert learner.place(torch.device("meta")).model.device.type == "meta"
    assert text._attn_implementation == "sdpa"


def test_fused_attention_takes_bfloat16_products_as_eager_attention_does() -> None:
    """As on a GPU: there, too, rotated queries are float32 and values bfloat16 before autocast."""
    processor = Processor.load(MODEL_FOLDER)
    learner = Learner(build_model(processor.tokenizer)).eval()
    stage = Stage(0, Limits(most_shapes=2, longest_side=140), talks=2, look_share=0.0)
    batch = BatchPools(processor, (stage,), 2, 0)[0][0]
    losses = []
    for attention in ("eager", "sdpa"):
        learner.model.model.language_model.config._attn_implementation = attention
        with torch.no_grad(), Compute(CPU, torch.bfloat16).autocast():
            losses.append(float(learner(batch).answer))
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_gradients_that_are_not_finite_change_nothing() -> None:
    learner = Learner(build_model(Processor.load(MODEL_FOLDER).tokenizer))
    optimizers = build_optimizers(learner)
    set_learning_rate(optimizers, 0.1)
    before = learner.sight_head.kind.weight.clone()
    for factor, changed in ((float("nan"), False), (float("inf"), False), (1.0, True)):
        (factor * learner.sight_head.kind.weight.sum()).backward()
        step(learner, optimizers, most_norm=1.0)
        assert torch.equal(learner.sight_head.kind.weight, before) != changed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_kept() -> None:
    assert keep_freed_memory()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute.sys, "platform", "darwin")
    assert not keep_freed_memory()
    assert not return_freed_memory()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_between_used_blocks_is_returned() -> None:
    program = """
import os
from training.learning.compute import keep_freed_memory, return_freed_memory

def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

keep_freed_memory()
blocks = [bytearray(1_000_000) for _ in range(200)]
held = blocks[1::2]
del blocks
before = resident()
assert return_freed_memory()
print(before - resident())
"""
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert int(output) > 50_000_000
