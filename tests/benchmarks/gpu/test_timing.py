"""Rounds alternate, the first one does not count, and lack of memory is a result."""

import torch

from benchmarks.gpu.timing import alternating


def test_contenders_take_turns_and_the_first_round_is_dropped():
    order = []

    def contender(name):
        def measure():
            order.append(name)
            return float(len(order))

        return measure

    values = alternating({"a": contender("a"), "b": contender("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert values == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_contender_without_memory_has_no_values_and_is_not_asked_again():
    calls = []

    def greedy():
        calls.append(1)
        raise torch.OutOfMemoryError

    values = alternating({"greedy": greedy, "modest": lambda: 1.0}, rounds=3)
    assert values == {"greedy": [], "modest": [1.0] * 3}
    assert len(calls) == 1
