import torch
from sightline_common.native.library import CompilationError
from sightline_generator.families import projection
from sightline_generator.families.projection import (
    DenseProjection,
    PackedProjection,
    make_projection,
)

from tests.common.native.compiled import compiled


def test_packed_equals_plain_multiplication():
    draw = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(96, 64, generator=draw), torch.randn(96, generator=draw)
    hidden = torch.randn(33, 64, generator=draw)
    product = make_projection(weight, bias)(hidden)
    torch.testing.assert_close(product, DenseProjection(weight, bias)(hidden), atol=1e-5, rtol=0)


@compiled
def test_only_float32_on_cpu_is_packed():
    assert isinstance(make_projection(torch.ones(2, 2)), PackedProjection)
    for dtype in (torch.float64, torch.bfloat16):
        assert isinstance(make_projection(torch.ones(2, 2, dtype=dtype)), DenseProjection)
    assert isinstance(make_projection(torch.ones(2, 2, device="meta")), DenseProjection)


def test_without_kernels_plain_multiplication_serves(monkeypatch):
    def missing():
        raise CompilationError

    monkeypatch.setattr(projection, "library", missing)
    assert isinstance(make_projection(torch.ones(2, 2)), DenseProjection)
