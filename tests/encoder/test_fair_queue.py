from __future__ import annotations

from sightline_encoder.fair_queue import FairQueue


def drained(queue):
    items = []
    while queue:
        first = queue.peek()
        items.append(queue.pop())
        assert items[-1] == first
    return items


def test_equal_requests_leave_in_order_of_arrival():
    queue = FairQueue()
    for name in "abc":
        queue.push([(5, name)])

    assert drained(queue) == ["a", "b", "c"]


def test_pieces_of_large_requests_take_turns():
    queue = FairQueue()
    queue.push([(5, f"a{n}") for n in range(3)])
    queue.push([(5, f"b{n}") for n in range(3)])

    assert drained(queue) == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_small_request_overtakes_the_rest_of_a_large_one():
    queue = FairQueue()
    queue.push([(10, n) for n in range(4)])
    assert [queue.pop(), queue.pop()] == [0, 1]
    queue.push([(1, "small")])

    assert drained(queue) == ["small", 2, 3]


def test_what_waits_is_overtaken_a_bounded_number_of_times():
    queue = FairQueue()
    queue.push([(10, "large")])
    served = []
    while "large" not in served:
        queue.push([(2, "small")])
        served.append(queue.pop())

    assert served.count("small") == 4
