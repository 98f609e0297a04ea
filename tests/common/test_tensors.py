import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sightline.type.v1 import tensor_pb2
from sightline_common.chunks import split_chunks
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import (
    DATA_TYPES,
    spec_byte_count,
    tensor_bytes,
    tensor_spec,
    tensors_from_payload,
)

SHAPES = st.lists(st.integers(0, 5), min_size=0, max_size=4)


@given(shape=SHAPES, dtype=st.sampled_from(sorted(DATA_TYPES, key=str)), chunk=st.integers(1, 64))
def test_tensor_survives_chunking(shape, dtype, chunk):
    tensor = (torch.randn(shape) * 50).to(dtype)
    payload = bytearray(b"".join(split_chunks(tensor_bytes(tensor), chunk)))
    restored = tensors_from_payload([tensor_spec("x", tensor)], payload)["x"]
    assert restored.dtype == dtype
    assert torch.equal(restored, tensor)


def test_several_tensors_share_one_payload():
    first, second = torch.arange(6.0).view(2, 3), torch.arange(4, dtype=torch.int64)
    payload = bytearray(bytes(tensor_bytes(first)) + bytes(tensor_bytes(second)))
    specs = [tensor_spec("first", first), tensor_spec("second", second)]
    tensors = tensors_from_payload(specs, payload)
    assert torch.equal(tensors["first"], first)
    assert torch.equal(tensors["second"], second)


@pytest.mark.parametrize("extra", [-1, 1])
def test_wrong_length_is_refused(extra):
    tensor = torch.zeros(4)
    payload = bytearray(16 + extra)
    with pytest.raises(PayloadCorruptError):
        tensors_from_payload([tensor_spec("x", tensor)], payload)


@pytest.mark.parametrize(
    "spec",
    [
        tensor_pb2.TensorSpec(name="x", data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[-1]),
        tensor_pb2.TensorSpec(name="x", shape=[1]),
    ],
)
def test_impossible_spec_is_refused(spec):
    with pytest.raises(PayloadCorruptError):
        spec_byte_count(spec)


def test_huge_shape_is_refused_before_memory_is_taken():
    spec = tensor_pb2.TensorSpec(
        name="x", data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[2**40, 2**40]
    )
    with pytest.raises(PayloadCorruptError):
        tensors_from_payload([spec], bytearray(8))
