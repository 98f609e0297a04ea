import pytest
import torch
from sightline_common.native.packed_weight import PackedWeight, fits_bfloat16

from tests.common.native.compiled import compiled, products

pytestmark = compiled
KINDS = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def weight_of(kind, num_outputs, num_inputs):
    weight = drawn(num_outputs, num_inputs).to(KINDS[kind]).float()
    assert fits_bfloat16(weight) is (kind == "bfloat16")
    return weight


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("num_outputs", "num_inputs"), [(1, 1), (31, 7), (96, 64), (130, 50)])
@pytest.mark.parametrize("biased", [False, True])
def test_products_equal_torch(kind, num_outputs, num_inputs, biased):
    weight = weight_of(kind, num_outputs, num_inputs)
    bias = drawn(num_outputs, seed=1) if biased else None
    packed = PackedWeight(products(), weight, bias)
    for num_rows in (0, 1, 2, 3, 4, 12, 13, 33, 100):
        rows = drawn(num_rows, num_inputs, seed=2)
        expected = torch.nn.functional.linear(rows.double(), weight.double())
        if bias is not None:
            expected += bias
        torch.testing.assert_close(packed.multiply(rows).double(), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_multiplied_alike_whatever_lies_beside_it(kind):
    packed, rows = PackedWeight(products(), weight_of(kind, 200, 64)), drawn(40, 64)
    together = packed.multiply(rows)
    for count in range(1, 40):
        assert torch.equal(packed.multiply(rows[:count]), together[:count])


@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_threads_change_nothing(num_threads):
    packed, rows = PackedWeight(products(), weight_of("bfloat16", 200, 64)), drawn(9, 64)
    expected = packed.multiply(rows)
    assert torch.equal(packed.multiply(rows, num_threads), expected)


def test_rows_of_a_wider_tensor_and_columns_are_multiplied():
    weight, wide = weight_of("float32", 8, 16), drawn(3, 40)
    packed = PackedWeight(products(), weight)
    for rows in (wide[:, 4:20], drawn(16, 3).T):
        torch.testing.assert_close(packed.multiply(rows), rows @ weight.T, atol=1e-5, rtol=0)


def test_a_spoilt_row_spoils_no_other():
    packed, rows = PackedWeight(products(), weight_of("bfloat16", 64, 32)), drawn(5, 32)
    sound = packed.multiply(rows)
    rows[2, 7] = torch.nan
    spoilt = packed.multiply(rows)
    assert spoilt[2].isnan().all()
    others = [0, 1, 3, 4]
    assert torch.equal(spoilt[others], sound[others])
