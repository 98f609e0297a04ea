"""What start-up does about CUDA graphs, with a plain call in place of each."""

from dataclasses import replace
from itertools import count

import pytest
import torch
from sightline_common.config import SettingInvalidError
from sightline_generator import graph_capture, kv_memory
from sightline_generator.attention.flash import (
    FlashAttention2,
    FlashAttention3,
    GatheredFlashAttention,
    PagedFlashAttention,
)
from sightline_generator.attention.paged_cpu import PagedCpuAttention
from sightline_generator.attention.sdpa import SdpaAttention
from sightline_generator.engine.decode_graphs import call_again
from sightline_generator.engine.graph_shapes import graph_sizes
from sightline_generator.engine.model_runner import KVCache, ModelRunner, kv_block_bytes
from sightline_generator.loaded_weights import LoadedWeights
from sightline_generator.loading import overlaps

from tests.generator.running_generator import make_settings

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture(autouse=True)
def plain_calls(monkeypatch):
    monkeypatch.setattr(graph_capture, "CudaCapture", lambda _device: call_again)


@pytest.fixture
def weights(tiny_ours):
    attention = SdpaAttention(16, torch.float64)
    return LoadedWeights(tiny_ours.family, tiny_ours.model, attention, CPU, torch.float64)


class Named:
    def __init__(self, kind):
        self.name, self.capturable = kind.name, kind.capturable


FLASH = [FlashAttention3, FlashAttention2, PagedFlashAttention, GatheredFlashAttention]


@pytest.mark.parametrize("kind", FLASH)
def test_flash_attention_is_captured(tiny_folder, kind):
    assert graph_capture.refusal(make_settings(tiny_folder), Named(kind), CUDA) is None


@pytest.mark.parametrize("kind", [SdpaAttention, PagedCpuAttention])
def test_what_asks_for_the_lengths_is_not_captured_and_said_by_name(tiny_folder, kind):
    reason = graph_capture.refusal(make_settings(tiny_folder), Named(kind), CUDA)
    assert kind.name in reason


def test_setting_and_device_rule_graphs_out(tiny_folder):
    paged = Named(PagedFlashAttention)
    off = make_settings(tiny_folder, cuda_graphs=False)
    assert "CUDA_GRAPHS" in graph_capture.refusal(off, paged, CUDA)
    assert "cpu" in graph_capture.refusal(make_settings(tiny_folder), paged, CPU)


def test_progress_is_told_for_each_graph_and_the_runner_uses_them(tiny_folder, weights, caplog):
    caplog.set_level("INFO")
    settings = make_settings(tiny_folder, max_num_seqs=5)
    cache = KVCache(weights.family.shape, 4, 16, weights.device, weights.dtype)
    runner = ModelRunner(weights.model, cache, weights.attention)
    graph_capture.capture_graphs(runner, settings, weights.family)
    told = [(record.message, record.fields) for record in caplog.records]
    assert [fields["batch_size"] for _message, fields in told[:-1]] == [5, 4, 2, 1]
    assert [fields["count"] for _message, fields in told[:-1]] == [1, 2, 3, 4]
    assert told[-1][1]["sizes"] == [1, 2, 4, 5]
    assert [shape.num_seqs for shape in runner._graphs.shapes] == [1, 2, 4, 5]


def test_a_start_that_cannot_capture_says_what_to_set(tiny_folder, weights, monkeypatch):
    def fails(_function):
        try:
            raise RuntimeError("operation not permitted when stream is capturing")
        finally:
            raise RuntimeError("capture failed due to a previous error")

    monkeypatch.setattr(graph_capture, "CudaCapture", lambda _device: fails)
    monkeypatch.setattr(graph_capture, "_free_bytes", lambda _device: 1000)
    settings = make_settings(tiny_folder, max_num_seqs=5)
    expected = "stream is capturing.*SIGHTLINE_GENERATOR_CUDA_GRAPHS=false"
    with pytest.raises(SettingInvalidError, match=expected):
        graph_capture.graph_bytes(settings, weights)
    cache = KVCache(weights.family.shape, 4, 16, CPU, weights.dtype)
    runner = ModelRunner(weights.model, cache, weights.attention)
    with pytest.raises(SettingInvalidError, match=expected):
        graph_capture.capture_graphs(runner, settings, weights.family)


def test_memory_of_all_graphs_is_foreseen_from_the_largest_and_the_smallest(
    tiny_folder, weights, monkeypatch
):
    free = iter([1000, 700, 690, 678, 990])
    monkeypatch.setattr(graph_capture, "_free_bytes", lambda _device: next(free))
    settings = make_settings(tiny_folder, max_num_seqs=32)
    others = len(graph_sizes(32)) - 1
    assert graph_capture.graph_bytes(settings, weights) == 300 + others * 12


@pytest.mark.parametrize(
    ("free", "num_graphs", "foreseen"),
    [([100, 60], 1, 40), ([100, 60, 65], 7, 40), ([100, 110, 105], 3, 10)],
)
def test_memory_that_others_give_back_meanwhile_is_no_gain(free, num_graphs, foreseen):
    assert graph_capture.foreseen_bytes(free, num_graphs) == foreseen


def test_kv_cache_leaves_room_for_largest_step_and_graphs(tiny_folder, weights, monkeypatch):
    block_bytes = kv_block_bytes(weights.family.shape, 16, weights.dtype)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (30 * block_bytes, 0))
    monkeypatch.setattr(kv_memory, "largest_step_bytes", lambda *_parts: 4 * block_bytes)
    monkeypatch.setattr(kv_memory, "graph_bytes", lambda *_parts: 6 * block_bytes)
    attention = Named(PagedFlashAttention)
    attention.block_size = 16

    def plan(**changes):
        settings = make_settings(tiny_folder, kv_cache_bytes=0, kv_cache_share=0.5, **changes)
        return kv_memory.plan_kv_cache(settings, replace(weights, attention=attention, device=CUDA))

    assert plan().num_blocks == 10
    assert plan(cuda_graphs=False).num_blocks == 13


def test_largest_step_runs_and_its_own_blocks_are_not_counted(tiny_folder, weights, monkeypatch):
    numbers = count()

    def peak(step, _device):
        step()
        next(numbers)
        return 10**9

    monkeypatch.setattr(kv_memory, "_peak_bytes", peak)
    settings = make_settings(tiny_folder, max_num_seqs=3, max_num_batched_tokens=40)
    # 38 tokens fill three blocks and one each of the others; null and scratch block come on top.
    expected = 10**9 - 7 * kv_block_bytes(weights.family.shape, 16, weights.dtype)
    assert kv_memory.largest_step_bytes(settings, weights) == expected
    assert next(numbers) == 1


@pytest.mark.parametrize(
    ("asked", "device", "expected"),
    [("auto", CUDA, True), ("auto", CPU, False), ("on", CPU, True), ("off", CUDA, False)],
)
def test_steps_overlap_on_cuda_unless_a_setting_says_otherwise(
    tiny_folder, asked, device, expected
):
    assert overlaps(make_settings(tiny_folder, overlap=asked), device) is expected


def test_unknown_overlap_is_refused_by_name(tiny_folder):
    with pytest.raises(SettingInvalidError, match="SIGHTLINE_GENERATOR_OVERLAP"):
        make_settings(tiny_folder, overlap="sometimes")
