import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sightline.type.v1 import tensor_pb2
from sightline_common.chunks import split_chunks
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import (
    DATA_TYPES,
    first_tensor,
    tensor_bytes,
    tensor_layout,
    tensor_spec,
)

SHAPES = st.lists(st.integers(0, 5), min_size=0, max_size=4)


def layout_of(tensor):
    return tensor_layout(tensor_spec("x", tensor))


@given(shape=SHAPES, dtype=st.sampled_from(sorted(DATA_TYPES, key=str)), chunk=st.integers(1, 64))
def test_tensor_survives_chunking(shape, dtype, chunk):
    tensor = (torch.randn(shape) * 50).to(dtype)
    payload = bytearray(b"".join(split_chunks(tensor_bytes(tensor), chunk)))
    restored = first_tensor(layout_of(tensor), payload)
    assert restored.dtype == dtype
    assert torch.equal(restored, tensor)


def test_tensor_shares_the_memory_that_it_begins():
    first, second = torch.arange(6.0).view(2, 3), torch.arange(4, dtype=torch.int64)
    payload = bytearray(bytes(tensor_bytes(first)) + bytes(tensor_bytes(second)))
    tensor = first_tensor(layout_of(first), payload)
    assert torch.equal(tensor, first)
    payload[3] = 0x40
    assert tensor[0, 0] == 2.0


def test_payload_shorter_than_its_tensor_is_refused():
    with pytest.raises(PayloadCorruptError):
        first_tensor(layout_of(torch.zeros(4)), bytearray(15))


@pytest.mark.parametrize(
    "spec",
    [
        tensor_pb2.TensorSpec(name="x", data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[-1]),
        tensor_pb2.TensorSpec(name="x", shape=[1]),
    ],
)
def test_impossible_spec_is_refused(spec):
    with pytest.raises(PayloadCorruptError):
        tensor_layout(spec)


def test_huge_shape_is_refused_before_memory_is_taken():
    spec = tensor_pb2.TensorSpec(
        name="x", data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[2**40, 2**40]
    )
    with pytest.raises(PayloadCorruptError):
        first_tensor(tensor_layout(spec), bytearray(8))
