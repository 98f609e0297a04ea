"""A weight in the order in which the kernels read it."""

from __future__ import annotations

import ctypes

import torch

_LOW_HALF = 0xFFFF


class WeightStruct(ctypes.Structure):
    """`Weight` of matmul.h."""

    _fields_ = [
        ("panels", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("num_inputs", ctypes.c_int64),
        ("num_outputs", ctypes.c_int64),
        ("halved", ctypes.c_int64),
    ]


class PackedWeight:
    """Holds a float32 weight [out_features, in_features] and perhaps a bias, on CPU.

    A weight whose numbers all fit bfloat16, as those of most published checkpoints do, is kept
    in 16 bits: nothing is lost, half the bytes are read, and products are computed in float32.
    `kernels` are a library that includes packing.h.
    """

    def __init__(
        self, kernels: ctypes.CDLL, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> None:
        self._kernels = kernels
        self.num_outputs, self.num_inputs = weight.shape
        width = panel_width(kernels)
        num_panels = -(-self.num_outputs // width)
        halved = fits_bfloat16(weight)
        dtype = torch.bfloat16 if halved else torch.float32
        self._panels = torch.zeros(num_panels, self.num_inputs, width, dtype=dtype)
        self._bias = _padded(bias, num_panels * width)
        _pack(kernels, weight.contiguous(), self._panels)
        self.struct = WeightStruct(
            self._panels.data_ptr(),
            None if self._bias is None else self._bias.data_ptr(),
            self.num_inputs,
            self.num_outputs,
            halved,
        )

    def multiply(self, rows: torch.Tensor, num_threads: int = 1) -> torch.Tensor:
        """Returns the products [num_rows, out_features] of float32 rows [num_rows, in_features]."""
        assert rows.dtype is torch.float32, "as the kernel reads it"
        if rows.stride(1) != 1:
            rows = rows.contiguous()
        output = torch.empty(len(rows), self.num_outputs, dtype=torch.float32)
        self._kernels.multiply(
            ctypes.byref(self.struct),
            ctypes.c_void_p(rows.data_ptr()),
            ctypes.c_int64(len(rows)),
            ctypes.c_int64(rows.stride(0)),
            ctypes.c_void_p(output.data_ptr()),
            num_threads,
        )
        return output


def panel_width(kernels: ctypes.CDLL) -> int:
    """Returns how many outputs a panel holds on this machine."""
    return int(kernels.panel_width())


def fits_bfloat16(weight: torch.Tensor) -> bool:
    """Tells whether a float32 tensor would survive rounding to bfloat16 unchanged."""
    return not bool((weight.contiguous().view(torch.int32) & _LOW_HALF).any())


def _padded(bias: torch.Tensor | None, length: int) -> torch.Tensor | None:
    if bias is None:
        return None
    return torch.nn.functional.pad(bias.float(), (0, length - len(bias)))


def _pack(kernels: ctypes.CDLL, weight: torch.Tensor, panels: torch.Tensor) -> None:
    pack = kernels.pack_float32 if panels.dtype is torch.float32 else kernels.pack_bfloat16
    pack(
        ctypes.c_void_p(weight.data_ptr()),
        ctypes.c_int64(weight.shape[0]),
        ctypes.c_int64(weight.shape[1]),
        ctypes.c_void_p(panels.data_ptr()),
    )
