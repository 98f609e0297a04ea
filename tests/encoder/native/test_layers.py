"""The compiled layers beside torch's, which are beside transformers' in test_vision.py."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise

import pytest
import torch
from sightline_common.checkpoint import Checkpoint
from sightline_common.native import library as library_module
from sightline_common.native.library import CompilationError
from sightline_common.native.library import compiled as library_of
from sightline_common.native.packed_weight import panel_width
from sightline_encoder.native import layers as native
from sightline_encoder.native.library import SOURCE, library
from sightline_encoder.packed_attention import SdpaPackedAttention
from sightline_encoder.torch_layers import TorchLayers
from sightline_encoder.tower_weights import Block
from sightline_encoder.vision import Placement, load_vision_tower
from torch.nn.functional import silu

from tests.common.native.compiled import compiled

pytestmark = compiled
HIDDEN, INNER = 96, 80
NUM_HEADS = 3
INT16 = "run_layer_int16"
AVX512_WIDTH = 32
"""Numbers in a panel of two vectors."""


def integer_kernels():
    """The kernels of this machine that attend in integers, by the numbers in their panels.

    Where AVX-512 has VNNI there are those of AVX2, too.
    """
    kernels = []
    with suppress(CompilationError):
        kernels.append(library())
        if panel_width(kernels[0]) == AVX512_WIDTH:
            kernels.append(library_of(SOURCE, "-mno-avx512f"))
    return {panel_width(each): each for each in kernels if hasattr(each, INT16)}


INTEGERS = integer_kernels()


def attend_with(kernels, monkeypatch):
    monkeypatch.setattr(native, "library", lambda: kernels)


@pytest.fixture(params=INTEGERS)
def integers(request, monkeypatch):
    """Has layers attend in integers, with vectors of each width that this machine has."""
    attend_with(INTEGERS[request.param], monkeypatch)


@pytest.fixture(
    params=[None, *INTEGERS], ids=lambda width: f"int16-{width}" if width else "float32"
)
def int16(request, monkeypatch):
    if request.param:
        attend_with(INTEGERS[request.param], monkeypatch)
    return bool(request.param)


class Config:
    hidden_size, out_hidden_size, rms_norm_eps = HIDDEN, INNER, 1e-5
    attention_bias = True


class WideConfig(Config):
    hidden_size = 256


def blocks(count=2, scale=0.15, seed=0):
    draw = torch.Generator().manual_seed(seed)
    made = [Block(Config) for _ in range(count)]
    for block in made:
        for parameter in block.parameters():
            spread = torch.randn(parameter.shape, generator=draw)
            parameter.data = 1 + spread / 10 if parameter.dim() == 1 else spread * scale
    return [block.requires_grad_(False) for block in made]


def natively(*given, int16=False, num_threads=1):
    layers = native.NativeLayers(*given, integer_attention=int16)
    layers.use_threads(num_threads)
    return layers


def drawn(num_patches, seed=1):
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(num_patches, HIDDEN, generator=draw)
    angles = torch.randn(num_patches, 1, HIDDEN // NUM_HEADS // 2, generator=draw)
    return hidden, torch.polar(torch.ones_like(angles), angles)


@torch.inference_mode()
def computed(layers, hidden, rotations, lengths):
    hidden = hidden.clone()
    for layer in layers.of_pass(rotations, lengths):
        hidden = layer(hidden)
    return hidden


def beside_torch(made, hidden, rotations, lengths):
    layers = TorchLayers(made, NUM_HEADS, silu, SdpaPackedAttention())
    return computed(layers, hidden, rotations, lengths)


@pytest.mark.parametrize(
    "lengths", [[1], [4], [15], [16], [47, 50], [255], [256], [257], [520], [3, 300, 1, 64]]
)
def test_layers_equal_torch(lengths, int16):
    made, (hidden, rotations) = blocks(), drawn(sum(lengths))
    found = computed(natively(made, NUM_HEADS, int16=int16), hidden, rotations, lengths)
    expected = beside_torch(made, hidden, rotations, lengths)
    scale = expected.abs().max()
    assert (found - expected).abs().max() < (1e-3 if int16 else 1e-5) * scale


@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_heads_of_any_size_equal_torch(num_heads, int16):
    """Of 256, 128 and 64 numbers."""
    made = [Block(WideConfig).requires_grad_(False)]
    draw = torch.Generator().manual_seed(3)
    hidden = torch.randn(40, 256, generator=draw)
    angles = torch.randn(40, 1, 128 // num_heads, generator=draw)
    rotations = torch.polar(torch.ones_like(angles), angles)
    found = computed(natively(made, num_heads, int16=int16), hidden, rotations, [17, 23])
    torch_layers = TorchLayers(made, num_heads, silu, SdpaPackedAttention())
    expected = computed(torch_layers, hidden, rotations, [17, 23])
    torch.testing.assert_close(found, expected, atol=1e-3 if int16 else 1e-5, rtol=0)


def test_lanes_compute_at_the_same_time(int16):
    made, (hidden, rotations) = blocks(), drawn(300)
    layers = natively(made, NUM_HEADS, int16=int16)
    expected = computed(layers, hidden, rotations, [300])

    def lane(_):
        layers.use_threads(2)
        return computed(layers, hidden, rotations, [300])

    with ThreadPoolExecutor(3) as lanes:
        assert all(torch.equal(found, expected) for found in lanes.map(lane, range(12)))


@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_windows_are_the_same_to_the_bit_in_any_company(num_threads, int16):
    made, lengths = blocks(), [33, 300, 5]
    hidden, rotations = drawn(sum(lengths))
    alone = natively(made, NUM_HEADS, int16=int16)
    crowd = natively(made, NUM_HEADS, int16=int16, num_threads=num_threads)
    together = computed(crowd, hidden, rotations, lengths)
    parts = [each.split(lengths) for each in (hidden, rotations, together)]
    for own_hidden, own_rotations, found in zip(*parts, strict=True):
        expected = computed(alone, own_hidden, own_rotations, [len(own_hidden)])
        assert torch.equal(found, expected)


@pytest.mark.parametrize("length", [5, 21])
def test_scores_far_below_nothing_are_weighed_against_each_other(length, int16):
    """Behind the last key lies padding that scores nothing, which would be the peak of them all."""
    made = blocks(count=1)
    (block,) = made
    # All queries are alike, and all keys opposite to them: every score is far below 0.
    block.attn.qkv.weight.data[: 2 * HIDDEN] = 0
    block.attn.qkv.bias.data[:HIDDEN] = 12
    block.attn.qkv.bias.data[HIDDEN : 2 * HIDDEN] = -12
    hidden, rotations = drawn(length)
    rotations = torch.ones_like(rotations)
    found = computed(natively(made, NUM_HEADS, int16=int16), hidden, rotations, [length])
    expected = beside_torch(made, hidden, rotations, [length])
    torch.testing.assert_close(found, expected, atol=2e-3 * expected.abs().max().item(), rtol=0)


@pytest.mark.usefixtures("integers")
def test_one_key_that_outweighs_all_others_leaves_them_their_share():
    """Integers have steps: where one weight is 1 the others must not all be rounded to nothing."""
    made = blocks(count=1, scale=0.2)
    hidden, rotations = drawn(250)
    hidden[7] *= 40
    found = computed(natively(made, NUM_HEADS, int16=True), hidden, rotations, [250])
    expected = beside_torch(made, hidden, rotations, [250])
    others = torch.arange(250) != 7
    error = (found - expected)[others].norm() / (expected - hidden)[others].norm()
    assert error < 1e-3


def test_integers_of_any_width_may_answer_for_each_other(monkeypatch):
    """They share a fingerprint, so they must be nearer to each other than to floats."""
    made, (hidden, rotations) = blocks(), drawn(520)
    found = []
    for kernels in INTEGERS.values():
        attend_with(kernels, monkeypatch)
        found.append(computed(natively(made, NUM_HEADS, int16=True), hidden, rotations, [520]))
    floats = beside_torch(made, hidden, rotations, [520])
    for one, other in pairwise(found):
        assert (one - other).norm() < 0.5 * (one - floats).norm()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_spoilt_window_stays_spoilt_and_spoils_no_other(value, int16):
    made, lengths = blocks(), [20, 30]
    layers = natively(made, NUM_HEADS, int16=int16)
    hidden, rotations = drawn(50)
    sound = computed(layers, hidden, rotations, lengths)
    hidden[25, 3] = value
    spoilt = computed(layers, hidden, rotations, lengths)
    assert torch.equal(spoilt[:20], sound[:20])
    assert not spoilt[20:].isfinite().any()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", range(3), ids=["query", "key", "value"])
def test_what_is_not_finite_is_never_rounded_to_a_number(part, value, int16):
    (made,) = blocks(count=1)
    made.attn.qkv.bias[part * HIDDEN] = value
    hidden, rotations = drawn(40)
    found = computed(natively([made], NUM_HEADS, int16=int16), hidden, rotations, [40])
    assert not found.isfinite().any()


def test_a_picture_of_zeros_is_computed(int16):
    made = blocks()
    hidden, rotations = torch.zeros(18, HIDDEN), drawn(18)[1]
    found = computed(natively(made, NUM_HEADS, int16=int16), hidden, rotations, [18])
    expected = beside_torch(made, hidden, rotations, [18])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def attention_of(folder, dtype=torch.float32, *, int16=False):
    placement = Placement(torch.device("cpu"), dtype, integer_attention=int16)
    return load_vision_tower(Checkpoint(folder), placement).attention


def test_towers_in_float32_are_computed_by_the_kernels(tiny_folder):
    assert attention_of(tiny_folder) == "native"
    assert attention_of(tiny_folder, torch.bfloat16) == "sdpa"
    fast = "native-int16" if hasattr(library(), INT16) else "native"
    assert attention_of(tiny_folder, int16=True) == fast


@pytest.mark.parametrize("change", [{"num_heads": 8}, {"hidden_act": "gelu"}])
def test_what_the_kernels_do_not_know_is_left_to_torch(tiny_folder, tmp_path, change):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"].update(change)
    (folder / "config.json").write_text(json.dumps(config))
    assert attention_of(folder) == "sdpa"


def test_without_a_compiler_torch_computes(tiny_folder, monkeypatch):
    library_module.compiled.cache_clear()  # what raises is not remembered
    monkeypatch.setattr(library_module.shutil, "which", lambda name: None)
    assert attention_of(tiny_folder) == "sdpa"
