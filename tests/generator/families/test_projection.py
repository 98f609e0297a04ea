import pytest
import torch
from sightline_generator.families.projection import (
    DenseProjection,
    PackedProjection,
    make_projection,
)


@pytest.mark.parametrize("num_rows", [0, 1, 2, 8, 33, 200])
@pytest.mark.parametrize("biased", [False, True])
def test_packed_equals_plain_multiplication(num_rows, biased):
    draw = torch.Generator().manual_seed(num_rows)
    weight = torch.randn(96, 64, generator=draw)
    bias = torch.randn(96, generator=draw) if biased else None
    hidden = torch.randn(num_rows, 64, generator=draw)
    product = make_projection(weight, bias)(hidden)
    torch.testing.assert_close(product, DenseProjection(weight, bias)(hidden), atol=1e-5, rtol=0)


def test_rows_of_a_wider_tensor_are_multiplied():
    weight, wide = torch.randn(8, 16), torch.randn(3, 40)
    product = make_projection(weight)(wide[:, 4:20])
    torch.testing.assert_close(product, wide[:, 4:20] @ weight.T, atol=1e-5, rtol=0)


def test_only_float32_on_cpu_is_packed():
    assert isinstance(make_projection(torch.ones(2, 2)), PackedProjection)
    for dtype in (torch.float64, torch.bfloat16):
        assert isinstance(make_projection(torch.ones(2, 2, dtype=dtype)), DenseProjection)
    assert isinstance(make_projection(torch.ones(2, 2, device="meta")), DenseProjection)


def test_a_torch_without_packing_multiplies_plainly(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert isinstance(make_projection(torch.ones(2, 2)), DenseProjection)
