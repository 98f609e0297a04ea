from __future__ import annotations

import pytest
import torch

from training.learning.encoding import CELL, GLYPHS, SIGHT
from training.learning.glyphs import IGNORED
from training.learning.sight import SightHead, ground_weighted_loss, parts_loss


def labels(tokens: int) -> torch.Tensor:
    """Shapes on every token, no characters."""
    drawn = torch.full((tokens, SIGHT), IGNORED)
    drawn[:, :3] = torch.arange(3 * tokens).reshape(tokens, 3) % 5
    drawn[:, 3:GLYPHS] = torch.arange(tokens * CELL * CELL).reshape(tokens, -1) % 2
    return drawn


def test_tokens_without_labels_change_no_loss() -> None:
    torch.manual_seed(0)
    head, features = SightHead(8), torch.randn(6, 8)
    known = labels(4)
    more = torch.cat([known, torch.full((2, SIGHT), IGNORED)])
    alone = head(features[:4], known).total().item()
    assert head(features, more).total().item() == pytest.approx(alone)


def test_without_any_label_there_is_nothing_to_learn() -> None:
    head, features = SightHead(8), torch.randn(3, 8, requires_grad=True)
    total = head(features, torch.full((3, SIGHT), IGNORED)).total()
    total.backward()
    assert total.item() == 0.0
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros_like(features))


def test_ground_counts_less_than_shapes() -> None:
    logits = torch.zeros(2, 3)
    logits[0, 0] = 2.0  # sure of the ground at the first token, undecided at the second
    one, other = ground_weighted_loss(logits, torch.tensor([0, 1])), torch.tensor(3.0).log()
    assert 0.8 * other < one < other


def test_loss_of_parts_is_their_mean() -> None:
    logits = torch.tensor([[0.0, 0.0], [5.0, 5.0]])
    part = torch.tensor([[1, 0], [IGNORED, IGNORED]])
    assert parts_loss(logits, part).item() == pytest.approx(torch.tensor(2.0).log().item())
