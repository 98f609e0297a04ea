"""The tower's layers on a CPU, each by one call of a compiled kernel."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from sightline_common.native.library import CompilationError
from sightline_common.native.packed_weight import PackedWeight, WeightStruct, panel_width

from sightline_encoder.native.library import library
from sightline_encoder.tower_layers import (
    Layer,
    Projection,
    TowerLayers,
    gate_over_up,
    interleaved,
)

_int64, _double, _pointer = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, WeightStruct) for name in ("qkv", "out", "gate_up", "down")),
        *((name, _pointer) for name in ("before_attention", "before_mlp")),
        *((name, _int64) for name in ("hidden", "inner", "num_heads", "head_size")),
        *((name, _double) for name in ("eps", "scale")),
    ]


class _Windows(ctypes.Structure):
    _fields_ = [
        ("num_windows", _int64),
        *((name, _pointer) for name in ("starts", "rotations", "hidden")),
        *((name, _pointer) for name in ("queries", "keys", "values")),
    ]


class NativeLayer:
    """Holds one layer's weights as the kernel reads them."""

    def __init__(self, module: Any, num_heads: int) -> None:
        attention, mlp = module.attn, module.mlp
        kernels = library()
        weights = (
            PackedWeight(kernels, *interleaved(attention.qkv, num_heads)),
            PackedWeight(kernels, attention.proj.weight, attention.proj.bias),
            PackedWeight(kernels, gate_over_up(mlp)),
            PackedWeight(kernels, mlp.down_proj.weight),
        )
        norms = (module.norm1.weight, module.norm2.weight)
        hidden, inner = mlp.down_proj.weight.shape
        head_size = attention.proj.weight.shape[1] // num_heads
        self._kept = (weights, norms)
        self.struct = _Layer(
            *(weight.struct for weight in weights),
            *(norm.data_ptr() for norm in norms),
            hidden,
            inner,
            num_heads,
            head_size,
            module.norm1.variance_epsilon,
            head_size**-0.5,
        )


class WindowRoom:
    """Where one pass keeps what its patches attend with."""

    def __init__(self, rotations: torch.Tensor, lengths: Sequence[int], width: int) -> None:
        self._starts = torch.tensor([0, *lengths]).cumsum(0)
        self._rotations = rotations.contiguous()
        panel = panel_width(library())
        padded = sum(-(-length // panel) * panel for length in lengths)
        sizes = (sum(lengths), padded, padded)
        self._parts = [torch.empty(size, width, dtype=torch.float32) for size in sizes]

    def struct(self, hidden: torch.Tensor) -> _Windows:
        """Returns what the kernel is told, about contiguous hidden states."""
        tensors = (self._starts, self._rotations, hidden, *self._parts)
        return _Windows(len(self._starts) - 1, *(tensor.data_ptr() for tensor in tensors))


class NativeLayers(TowerLayers):
    """Layers in float32 with SiLU, whose features do not depend on the number of threads.

    The kernel's threads are its own: torch keeps one, and what it still does is small.
    """

    def __init__(self, blocks: Sequence[Any], num_heads: int, integer_attention: bool) -> None:
        is_int16 = integer_attention and hasattr(library(), "run_layer_int16")
        self.name = "native-int16" if is_int16 else "native"
        self._run_layer = library().run_layer_int16 if is_int16 else library().run_layer_float32
        self._layers = [NativeLayer(block, num_heads) for block in blocks]
        self._width = self._layers[0].struct.num_heads * self._layers[0].struct.head_size
        self._lane = threading.local()

    @property
    def _num_threads(self) -> int:
        return getattr(self._lane, "num_threads", 0) or torch.get_num_threads()

    def use_threads(self, count: int) -> None:
        self._lane.num_threads = count
        torch.set_num_threads(1)

    def project(self, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Projection:
        packed = PackedWeight(library(), weight, bias)
        return lambda rows: packed.multiply(rows, self._num_threads)

    def of_pass(self, rotations: torch.Tensor, lengths: Sequence[int]) -> Iterator[Layer]:
        room = WindowRoom(rotations, lengths, self._width)
        return (partial(self._run, layer, room) for layer in self._layers)

    def _run(self, layer: NativeLayer, room: WindowRoom, hidden: torch.Tensor) -> torch.Tensor:
        assert hidden.is_contiguous() and hidden.dtype is torch.float32, "as the kernel reads it"
        windows = room.struct(hidden)
        self._run_layer(ctypes.byref(layer.struct), ctypes.byref(windows), self._num_threads)
        return hidden


def native_refusal(config: Any, device: torch.device, dtype: torch.dtype) -> str | None:
    """Returns why a tower cannot be computed by the kernels; None if it can."""
    if device.type != "cpu" or dtype is not torch.float32:
        return "the kernels compute in float32 on CPUs"
    if config.hidden_act != "silu":
        return f"the kernels do not know the activation {config.hidden_act!r}"
    try:
        kernels = library()
    except CompilationError as error:
        return str(error)
    head_size = config.hidden_size // config.num_heads
    if head_size % panel_width(kernels) or head_size > int(kernels.most_head_size()):
        return f"the kernels do not know heads of {head_size}"
    return None
