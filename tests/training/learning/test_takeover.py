from __future__ import annotations

import pytest
import torch
from torch import nn

from training.build import MODEL_FOLDER, build_model
from training.learning.learner import Learner
from training.learning.takeover import row_names, take_over
from training.processing import Processor


class Heads(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.kind = nn.Linear(4, classes)
        self.parts = nn.Linear(4, 2)


def rows_of(head: nn.Linear) -> list[list[float]]:
    return torch.cat([head.weight, head.bias[:, None]], dim=1).tolist()


def test_rows_go_to_the_row_of_their_name_and_others_keep_their_start() -> None:
    old, new = Heads(3), Heads(5)
    start = rows_of(new.kind)
    before = {"kind": ["nothing", "circle", "star"]}
    now = {"kind": ["nothing", "arrow", "star", "circle", "ring"]}
    lines = take_over(new, old.state_dict(), before, now)
    taken = rows_of(new.kind)
    assert [taken[0], taken[3], taken[2]] == rows_of(old.kind)
    assert [taken[1], taken[4]] == [start[1], start[4]]
    assert torch.equal(new.parts.weight, old.parts.weight)
    assert lines == [
        "kind.weight: 3 of 5 rows taken over",
        "kind.bias: 3 of 5 rows taken over",
    ]


def test_weights_without_names_hold_the_first_rows() -> None:
    old, new = Heads(3), Heads(5)
    take_over(new, old.state_dict(), {}, {"kind": ["a", "b", "c", "d", "e"]})
    assert rows_of(new.kind)[:3] == rows_of(old.kind)


def test_a_class_that_is_gone_is_left_behind() -> None:
    old, new = Heads(3), Heads(2)
    take_over(new, old.state_dict(), {"kind": ["a", "b", "c"]}, {"kind": ["a", "c"]})
    assert rows_of(new.kind) == [rows_of(old.kind)[0], rows_of(old.kind)[2]]


def test_equal_names_take_over_everything_silently() -> None:
    old, new = Heads(3), Heads(3)
    names = {"kind": ["a", "b", "c"]}
    assert take_over(new, old.state_dict(), names, names) == []
    assert all(torch.equal(a, b) for a, b in zip(old.parameters(), new.parameters(), strict=True))


def test_what_is_missing_begins_anew() -> None:
    new = Heads(3)
    start = rows_of(new.kind)
    lines = take_over(new, {}, {}, {})
    assert lines[0] == "kind.weight: begins anew"
    assert rows_of(new.kind) == start


def test_another_architecture_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"parts\.weight has shape \[7, 4\] .* \[2, 4\]"):
        take_over(Heads(3), {"parts.weight": torch.zeros(7, 4)}, {}, {})


def test_every_module_with_named_rows_has_as_many_rows() -> None:
    tokenizer = Processor.load(MODEL_FOLDER).tokenizer
    learner = Learner(build_model(tokenizer))
    for owner, names in row_names(tokenizer).items():
        assert len(learner.get_submodule(owner).weight) == len(names)
        assert len(set(names)) == len(names)
