"""Tensors to checked raw bytes and back. No pickle anywhere."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import torch
from sightline.type.v1 import tensor_pb2

from sightline_common.errors import PayloadCorruptError

DATA_TYPES: dict[torch.dtype, tensor_pb2.DataType] = {
    torch.float32: tensor_pb2.DATA_TYPE_FLOAT32,
    torch.float16: tensor_pb2.DATA_TYPE_FLOAT16,
    torch.bfloat16: tensor_pb2.DATA_TYPE_BFLOAT16,
    torch.float64: tensor_pb2.DATA_TYPE_FLOAT64,
    torch.int32: tensor_pb2.DATA_TYPE_INT32,
    torch.int64: tensor_pb2.DATA_TYPE_INT64,
    torch.uint8: tensor_pb2.DATA_TYPE_UINT8,
}
TORCH_TYPES = {value: key for key, value in DATA_TYPES.items()}
MAX_DIMENSIONS = 8


def tensor_spec(name: str, tensor: torch.Tensor) -> tensor_pb2.TensorSpec:
    """Describes a tensor."""
    return tensor_pb2.TensorSpec(
        name=name, data_type=DATA_TYPES[tensor.dtype], shape=list(tensor.shape)
    )


class TensorLayout(NamedTuple):
    """Says which bytes are a tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    num_bytes: int


def tensor_layout(spec: tensor_pb2.TensorSpec) -> TensorLayout:
    """Returns how a described tensor lies; raises PayloadCorruptError for one that cannot be."""
    dtype, shape = TORCH_TYPES.get(spec.data_type), tuple(spec.shape)
    if dtype is None:
        raise PayloadCorruptError(f"Tensor {spec.name!r} has no known data type.")
    if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0:
        raise PayloadCorruptError(f"Tensor {spec.name!r} has dimensions that no tensor has.")
    return TensorLayout(shape, dtype, math.prod(shape) * dtype.itemsize)


def tensor_bytes(tensor: torch.Tensor) -> memoryview:
    """Returns the row-major little-endian bytes of a tensor, copying only if it must."""
    flat = tensor.detach().cpu().contiguous().view(-1)
    return flat.view(torch.uint8).numpy().data


def first_tensor(layout: TensorLayout, payload: bytearray | memoryview) -> torch.Tensor:
    """Returns the tensor that a payload begins with, sharing its memory.

    Who writes to it writes to the payload, even where Python would not let them. Raises
    PayloadCorruptError when the payload is shorter than the tensor.
    """
    shape, dtype, num_bytes = layout
    if len(payload) < num_bytes:
        raise PayloadCorruptError(f"Expected {num_bytes} bytes, received {len(payload)}.")
    if not num_bytes:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(payload, dtype=dtype, count=num_bytes // dtype.itemsize).view(shape)


with warnings.catch_warnings():
    # torch says once a process that its tensors know no memory that is for reading only.
    warnings.simplefilter("ignore")
    torch.frombuffer(b"x", dtype=torch.uint8)
