import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sightline_generator.engine.feature_rows import FeatureRows

WHOLE = torch.arange(40.0).view(10, 4)


@st.composite
def cut(draw):
    """The same ten rows, in parts of any size."""
    places = sorted(draw(st.sets(st.integers(1, 9))))
    sizes = [end - start for start, end in zip([0, *places], [*places, 10], strict=True)]
    return FeatureRows(tuple(WHOLE.split(sizes)))


@given(cut(), st.integers(-3, 12), st.integers(-3, 12))
def test_rows_are_those_of_the_whole_however_they_lie(features, start, end):
    expected = WHOLE[max(0, start) : max(0, end)]
    taken = features.rows(start, end)
    assert len(taken) == len(expected)
    assert taken.nbytes == expected.nbytes
    assert torch.equal(torch.cat([WHOLE[:0], *taken.parts]), expected)
    assert all(len(part) for part in taken.parts)


def test_rows_share_memory_and_a_copy_does_not():
    features = FeatureRows.of(WHOLE.clone())
    taken, copied = features.rows(2, 5), features.copied()
    features.parts[0][3] = 0.0
    assert not taken.parts[0][1].any()
    assert torch.equal(copied, WHOLE)


@pytest.mark.parametrize("features", [FeatureRows(()), FeatureRows.of(WHOLE[:0])])
def test_no_rows_are_no_parts(features):
    assert (len(features), features.parts, features.nbytes) == (0, (), 0)
