from collections import Counter

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sightline_generator.rendezvous import first_with_room, load_bound, ranked

NODES = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=9, unique=True)
KEYS = [f"sha256:{number:064x}" for number in range(2000)]


@given(st.text(), NODES)
def test_ranking_has_every_node_once_and_ignores_their_order(key, nodes):
    order = ranked(key, nodes)
    assert sorted(order) == sorted(nodes)
    assert ranked(key, reversed(nodes)) == order


@given(st.text(), NODES, st.data())
def test_node_that_leaves_moves_no_other(key, nodes, data):
    gone = data.draw(st.sampled_from(nodes))
    order = ranked(key, nodes)
    order.remove(gone)
    assert ranked(key, [node for node in nodes if node != gone]) == order


@given(st.text(), NODES, st.text(min_size=1, max_size=12))
def test_node_that_comes_takes_keys_but_moves_none_between_the_others(key, nodes, new):
    assume(new not in nodes)
    owner = ranked(key, [*nodes, new])[0]
    assert owner in (new, ranked(key, nodes)[0])


def test_keys_are_spread_evenly():
    nodes = [f"10.0.0.{number}:50051" for number in range(8)]
    owners = Counter(ranked(key, nodes)[0] for key in KEYS)
    fair = len(KEYS) / len(nodes)
    assert set(owners) == set(nodes)
    assert 0.75 * fair < min(owners.values()) <= max(owners.values()) < 1.25 * fair


def test_what_a_lost_node_owned_is_spread_over_all_others():
    nodes = [f"10.0.0.{number}:50051" for number in range(5)]
    lost = [ranked(key, nodes) for key in KEYS if ranked(key, nodes)[0] == nodes[0]]
    heirs = Counter(order[1] for order in lost)
    assert set(heirs) == set(nodes[1:])
    assert max(heirs.values()) < 1.5 * len(lost) / len(heirs)


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=100),
    st.integers(1, 8),
    st.floats(1, 3, allow_nan=False),
)
def test_no_node_exceeds_its_bound_however_keys_fall(keys, num_nodes, load_factor):
    nodes = [f"node {number}" for number in range(num_nodes)]
    loads: Counter[str] = Counter()
    for key in keys:
        bound = load_bound(loads.total(), num_nodes, load_factor)
        loads[first_with_room(ranked(str(key), nodes), loads, load_factor)] += 1
        assert max(loads.values()) <= bound


def test_owner_is_chosen_while_it_has_room():
    nodes = ["a", "b", "c"]
    assert first_with_room(nodes, {}, 1.25) == "a"
    assert first_with_room(nodes, {"a": 1, "b": 1, "c": 1}, 1.25) == "a"
    assert first_with_room(nodes, {"a": 1}, 1.0) == "b"


def test_load_of_nodes_that_cannot_be_asked_does_not_count():
    assert first_with_room(["a", "b"], {"a": 1, "gone": 100}, 1.0) == "b"
