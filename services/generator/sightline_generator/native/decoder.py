"""All layers of a decoder in one call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from sightline_common.native.packed_weight import PackedWeight, WeightStruct

from sightline_generator.native.library import library
from sightline_generator.native.rows import Rows
from sightline_generator.native.threads import num_threads

_int64, _double, _pointer = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, WeightStruct) for name in ("qkv", "out", "gate_up", "down")),
        *((name, _pointer) for name in ("before_attention", "after_attention")),
        *((name, _pointer) for name in ("before_mlp", "after_mlp", "keys", "values")),
    ]


class _Decoder(ctypes.Structure):
    _fields_ = [
        *((name, _int64) for name in ("num_layers", "hidden", "inner", "num_heads")),
        *((name, _int64) for name in ("num_kv_heads", "head_size", "num_pairs", "block_size")),
        ("eps", _double),
        ("scale", _double),
        ("layers", ctypes.POINTER(_Layer)),
        ("last_norm", _pointer),
    ]


class _Step(ctypes.Structure):
    _fields_ = [
        *((name, _int64) for name in ("num_rows", "table_width", "num_wanted")),
        *((name, _pointer) for name in ("tables", "sequences", "lengths", "slots", "wanted")),
        *((name, _pointer) for name in ("wanted_sequences", "wanted_lengths", "rotations")),
        *((name, _pointer) for name in ("hidden", "normed", "heads", "attended")),
        *((name, _pointer) for name in ("projected", "gate_up", "inner")),
    ]


@dataclass(frozen=True)
class LayerWeights:
    """One layer: query, key and value at once, gate above up, and four norms [hidden_size]."""

    qkv: PackedWeight
    out: PackedWeight
    gate_up: PackedWeight
    down: PackedWeight
    before_attention: torch.Tensor
    after_attention: torch.Tensor
    before_mlp: torch.Tensor
    after_mlp: torch.Tensor


@dataclass(frozen=True)
class DecoderSpec:
    """The sizes of all layers; `num_pairs` of numbers are turned in each head."""

    num_heads: int
    num_kv_heads: int
    head_size: int
    num_pairs: int
    eps: float


class NativeDecoder:
    """Runs GLM-4V's layers (SiLU, four norms a layer, interleaved rotary pairs) in float32.

    Attention is causal over paged caches, one query at a time.
    """

    def __init__(
        self,
        spec: DecoderSpec,
        layers: Sequence[LayerWeights],
        last_norm: torch.Tensor,
        caches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    ) -> None:
        """Takes each layer's caches [num_blocks, block_size, num_kv_heads, head_size]."""
        self._spec = spec
        self._inner = layers[0].down.num_inputs
        self._hidden = len(last_norm)
        self._kept = (layers, last_norm, caches)
        self._layers = (_Layer * len(layers))(*map(_layer, layers, caches))
        self._decoder = _Decoder(
            num_layers=len(layers),
            hidden=self._hidden,
            inner=self._inner,
            num_heads=spec.num_heads,
            num_kv_heads=spec.num_kv_heads,
            head_size=spec.head_size,
            num_pairs=spec.num_pairs,
            block_size=caches[0][0].shape[1],
            eps=spec.eps,
            scale=spec.head_size**-0.5,
            layers=self._layers,
            last_norm=last_norm.data_ptr(),
        )

    def run(
        self,
        hidden: torch.Tensor,
        rotations: torch.Tensor,
        slots: torch.Tensor,
        rows: Rows,
        wanted: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Turns embeddings [num_rows, hidden_size] into the last hidden states, in place.

        Returns those of the rows at `wanted` [num_wanted] int64, in ascending order, or of all;
        what is left of the others means nothing. `rotations` [num_rows, 1, num_pairs] are
        complex64, `slots` [num_rows] int64. The keys and values of all rows are written to the
        caches.
        """
        chosen = rows if wanted is None else rows.at(wanted)
        num_wanted = len(chosen.lengths)
        parts = [torch.empty(len(hidden), width) for width in self._widths]
        assert rotations.is_contiguous() and hidden.is_contiguous()
        step = _Step(
            len(hidden),
            rows.tables.shape[1],
            num_wanted,
            *(tensor.data_ptr() for tensor in (rows.tables, rows.sequences, rows.lengths, slots)),
            None if wanted is None else wanted.data_ptr(),
            *(tensor.data_ptr() for tensor in (chosen.sequences, chosen.lengths)),
            *(tensor.data_ptr() for tensor in (rotations, hidden)),
            *(part.data_ptr() for part in parts),
        )
        library().run_decoder(ctypes.byref(self._decoder), ctypes.byref(step), num_threads())
        return hidden[:num_wanted]

    @property
    def _widths(self) -> tuple[int, ...]:
        """The numbers a row takes in `normed`, `heads`, `attended`, `projected`, ..."""
        spec = self._spec
        heads = (spec.num_heads + 2 * spec.num_kv_heads) * spec.head_size
        attended = spec.num_heads * spec.head_size
        return (self._hidden, heads, attended, self._hidden, 2 * self._inner, self._inner)


def _layer(weights: LayerWeights, cache: tuple[torch.Tensor, torch.Tensor]) -> _Layer:
    around_attention = (weights.before_attention, weights.after_attention)
    around_mlp = (weights.before_mlp, weights.after_mlp)
    matrices = (weights.qkv, weights.out, weights.gate_up, weights.down)
    pointers = (tensor.data_ptr() for tensor in (*around_attention, *around_mlp, *cache))
    return _Layer(*(matrix.struct for matrix in matrices), *pointers)
