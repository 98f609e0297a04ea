"""Laws that hold on every device: on a GPU by `make test-gpu`, on the CPU in every run."""

import pytest
import torch

from tests.generator.conftest import in_all_modes, nano_ours, nano_theirs

__all__ = ["in_all_modes", "nano_ours", "nano_theirs"]


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """The CPU, where the laws are tried out, or the first GPU."""
    return torch.device("cpu") if request.param == "cpu" else request.getfixturevalue("cuda")
