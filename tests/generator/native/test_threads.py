import pytest
import torch
from sightline_generator.native import threads
from sightline_generator.native.threads import (
    num_threads,
    take_over_threads,
    torch_with_all_threads,
)


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "_count", None)
    yield
    torch.set_num_threads(before)


def test_kernels_take_as_many_threads_as_torch_until_told_otherwise():
    torch.set_num_threads(2)
    assert num_threads() == 2
    take_over_threads(3)
    assert (num_threads(), torch.get_num_threads()) == (3, 1)


def test_torch_gets_all_threads_for_a_while():
    take_over_threads(3)
    with pytest.raises(KeyError), torch_with_all_threads():
        assert torch.get_num_threads() == 3
        raise KeyError
    assert torch.get_num_threads() == 1
