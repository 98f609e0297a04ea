"""Tensors to checked raw bytes and back. No pickle anywhere."""

from __future__ import annotations

import math
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
