from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st
from sightline_generator.placements import Placements
from sightline_generator.rendezvous import load_bound, ranked

NODES = ["a:1", "b:1", "c:1"]


def placed(placements, key, nodes=NODES):
    with placements.placed(key, nodes) as node:
        return node


def test_owner_computes_when_nothing_runs():
    placements = Placements()
    for number in range(50):
        assert placed(placements, str(number)) == ranked(str(number), NODES)[0]
    assert not placements.loads.total()


def test_key_that_runs_is_placed_where_it_runs_whatever_the_load():
    placements = Placements(load_factor=1)
    with placements.placed("key", NODES) as first, placements.placed("key", NODES) as second:
        assert first == second
        assert placements.loads.total() == 1


def test_overloaded_owner_is_helped_and_the_helper_is_asked_first_later():
    placements = Placements(load_factor=1)
    keys = [key for key in map(str, range(100)) if ranked(key, NODES)[0] == "a:1"][:2]
    with placements.placed(keys[0], NODES), placements.placed(keys[1], NODES) as helper:
        assert helper == ranked(keys[1], NODES)[1]
        assert placements.order(keys[1], NODES)[0] == helper
    assert placements.order(keys[1], NODES) == [
        helper,
        *(node for node in ranked(keys[1], NODES) if node != helper),
    ]


def test_key_whose_node_is_gone_goes_to_another():
    placements = Placements()
    with placements.placed("key", NODES) as first:
        others = [node for node in NODES if node != first]
        assert placements.order("key", others) == ranked("key", others)
        assert placed(placements, "key", others) in others


def test_what_is_remembered_is_bounded_and_the_oldest_goes():
    placements = Placements(max_remembered=3)
    for number in range(10):
        placed(placements, str(number))
    assert placements.num_remembered == 3


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80), st.floats(1, 2))
def test_loads_stay_bounded_and_return_to_nothing(steps, load_factor):
    placements = Placements(load_factor)
    running: list[ExitStack] = []
    with ExitStack() as everything:
        for starts, number in steps:
            if starts:
                bound = load_bound(placements.loads.total(), len(NODES), load_factor)
                known = str(number) in placements._flights
                one = everything.enter_context(ExitStack())
                node = one.enter_context(placements.placed(str(number), NODES))
                running.append(one)
                assert known or placements.loads[node] <= bound
            elif running:
                running.pop(number % len(running)).close()
    assert not placements.loads.total()
