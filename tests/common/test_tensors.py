import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sightline.type.v1 import tensor_pb2
from sightline_common.errors import PayloadCorruptError
from sightline_common.tensors import (
    DATA_TYPES,
    tensor_bytes,
    tensor_layout,
    tensor_spec,
)

SHAPES = st.lists(st.integers(0, 5), min_size=0, max_size=4)


def layout_of(tensor):
    return tensor_layout(tensor_spec("x", tensor))


@given(shape=SHAPES, dtype=st.sampled_from(sorted(DATA_TYPES, key=str)))
def test_tensor_lies_in_its_bytes_as_its_layout_says(shape, dtype):
    tensor = (torch.randn(shape) * 50).to(dtype)
    layout, payload = layout_of(tensor), bytes(tensor_bytes(tensor))
    assert layout.num_bytes == len(payload)
    elements = torch.frombuffer(payload, dtype=layout.dtype) if payload else torch.empty(0)
    assert torch.equal(elements.to(dtype).view(layout.shape), tensor)


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
