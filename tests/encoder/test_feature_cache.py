from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sightline_encoder.feature_cache import FeatureCache, FeatureEntry
from sightline_encoder.payload import Payload

BOUND = 100


def entry(key, num_bytes=10):
    payload = Payload.split(bytes(num_bytes))
    return FeatureEntry(key, (), payload, (1, 2, 2), 1, 28, 28, 0.5)


@pytest.fixture
def cache():
    cache = FeatureCache(BOUND)
    yield cache
    cache.check_integrity()


def fill(cache, keys, num_bytes=10):
    entries = {key: entry(key, num_bytes) for key in keys}
    for value in entries.values():
        assert cache.put(value)
    return entries


def test_kept_entry_is_found(cache):
    kept = entry("a")
    cache.put(kept)

    assert cache.get("a") is kept
    assert cache.get("b") is None


def test_least_recently_used_entry_goes_first(cache):
    fill(cache, "abcdefghij")
    cache.get("a")

    cache.put(entry("k"))

    assert cache.get("a") and cache.get("k")
    assert cache.get("b") is None


def test_no_more_entries_go_than_must(cache):
    fill(cache, "abcdefghij")

    cache.put(entry("k", 15))

    assert cache.usage.num_entries == 9
    assert (cache.usage.num_bytes, cache.usage.num_evictions) == (95, 2)


def test_pinned_entry_is_skipped(cache):
    entries = fill(cache, "abcdefghij")
    with cache.pinned(entries["a"]):
        fill(cache, "klmnopqrst"[:9])

        assert cache.get("a") is entries["a"]
    assert cache.get("j") is None


def test_entry_is_not_kept_when_pins_leave_no_room(cache):
    entries = fill(cache, "ab", 50)
    with cache.pinned(entries["a"]), cache.pinned(entries["b"]):
        assert not cache.put(entry("c", 1))

    assert cache.get("a") and cache.get("b")
    assert cache.put(entry("c", 1))


def test_entry_larger_than_the_bound_is_not_kept_and_evicts_nobody(cache):
    fill(cache, "ab")

    assert not cache.put(entry("c", BOUND + 1))

    assert cache.usage.num_entries == 2
    assert cache.usage.num_evictions == 0


def test_entry_of_exactly_the_bound_is_kept(cache):
    assert cache.put(entry("a", BOUND))


def test_bound_of_zero_keeps_nothing():
    assert not FeatureCache(0).put(entry("a", 1))


def test_evicted_pinned_entry_cannot_be_found_but_counts_until_released(cache):
    entries = fill(cache, "ab")
    with cache.pinned(entries["a"]):
        assert cache.evict() == 2
        assert cache.get("a") is None
        assert cache.usage.num_bytes == 10
        cache.check_integrity()

    assert cache.usage.num_bytes == 0


def test_entry_pinned_twice_stays_until_the_last_release(cache):
    entries = fill(cache, "a")
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(cache.pinned(entries["a"]))
        second.enter_context(cache.pinned(entries["a"]))
        first.close()

        assert cache.num_pinned == 1
    assert cache.num_pinned == 0


def test_pin_that_is_released_twice_was_one(cache):
    entries = fill(cache, "a")
    with cache.pinned(entries["a"]), cache.pinned(entries["a"]) as pin:
        pin.release()
        pin.release()

        assert cache.num_pinned == 1
    assert cache.num_pinned == 0
    cache.check_integrity()


def test_pinning_an_entry_that_is_not_held_does_nothing(cache):
    held, other = entry("a"), entry("a")
    cache.put(held)

    with cache.pinned(other), cache.pinned(entry("b")):
        assert cache.num_pinned == 0


def test_new_entry_replaces_the_old_one_of_its_key(cache):
    cache.put(entry("a", 60))
    new = entry("a", 70)

    assert cache.put(new)

    assert cache.get("a") is new
    assert cache.usage.num_bytes == 70


def test_eviction_counts_each_key_once(cache):
    fill(cache, "abc")

    assert cache.evict(["a", "a", "unknown"]) == 1
    assert cache.evict([]) == 0
    assert cache.usage.num_entries == 2


def test_ten_thousand_entries_stay_inside_the_bound(cache):
    for number in range(10_000):
        cache.put(entry(str(number), number % 40))
        assert cache.usage.num_bytes <= BOUND

    assert cache.get("9999") and not cache.get("0")


def test_integrity_check_notices_a_wrong_count(cache):
    fill(cache, "a")
    cache._num_bytes += 1

    with pytest.raises(AssertionError, match="11 counted"):
        cache.check_integrity()
    cache._num_bytes -= 1


class CacheMachine(RuleBasedStateMachine):
    """Any order of put, get, pin, release and evict keeps the cache sound."""

    def __init__(self):
        super().__init__()
        self.cache = FeatureCache(BOUND)
        self.known = {}
        self.pins = []

    @rule(key=st.sampled_from("abcdef"), num_bytes=st.integers(0, BOUND + 20))
    def put(self, key, num_bytes):
        added = entry(key, num_bytes)
        kept = self.cache.put(added)
        assert (self.cache.get(key) is added) == kept
        self.known[key] = added
        if num_bytes > BOUND:
            assert not kept

    @rule(key=st.sampled_from("abcdef"))
    def get(self, key):
        found = self.cache.get(key)
        assert found is None or found is self.known[key]

    @rule(key=st.sampled_from("abcdef"))
    def pin(self, key):
        found = self.cache.get(key)
        if found is not None:
            pin = ExitStack()
            pin.enter_context(self.cache.pinned(found))
            self.pins.append((pin, found))

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def release(self, data):
        index = data.draw(st.integers(0, len(self.pins) - 1))
        pin, _ = self.pins.pop(index)
        pin.close()

    @rule(key=st.sampled_from("abcdef"))
    def evict(self, key):
        self.cache.evict([key])
        assert self.cache.get(key) is None

    @invariant()
    def is_sound(self):
        self.cache.check_integrity()
        assert self.cache.num_pinned == len({id(found) for _, found in self.pins})

    def teardown(self):
        for pin, _ in self.pins:
            pin.close()
        self.cache.evict()
        assert self.cache.usage.num_bytes == 0


CacheMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCacheMachine = CacheMachine.TestCase
