"""Tokens that come soon after others join them, and nothing waits that must not."""

from itertools import pairwise

import pytest
from sightline_common.errors import EngineFailedError
from sightline_generator.engine import held_updates
from sightline_generator.engine.engine import SequenceUpdate
from sightline_generator.engine.held_updates import HeldUpdates
from sightline_generator.engine.stop import Finish, FinishReason

from tests.generator.engine.test_update_stream import sequence

INTERVAL_S = 10.0


@pytest.fixture(autouse=True)
def much_company(monkeypatch):
    """Lets one sequence wait as if there were many."""
    monkeypatch.setattr(held_updates, "MESSAGES_PER_S", 0.01)


def sent(held, moments, each=None):
    """Gives one token a moment; returns the token ids of every message, with its moment."""
    each = each or sequence()
    return [
        (now, update.token_ids)
        for token, now in enumerate(moments)
        for update in held.due([SequenceUpdate(each, token_ids=[token])], now)
    ]


def test_first_token_goes_at_once_and_later_ones_together():
    messages = sent(HeldUpdates(INTERVAL_S), [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 23.0])
    assert messages == [(0.0, [0]), (9.0, [1, 2, 3]), (23.0, [4, 5, 6])]


def test_what_could_only_be_joined_by_waiting_longer_goes_at_once():
    messages = sent(HeldUpdates(INTERVAL_S), [0.0, 6.0, 12.0, 18.0])
    assert messages == [(0.0, [0]), (6.0, [1]), (12.0, [2]), (18.0, [3])]


def test_a_slow_step_delays_what_was_held_once():
    messages = sent(HeldUpdates(INTERVAL_S), [0.0, 1.0, 2.0, 90.0, 91.0, 180.0])
    assert messages == [(0.0, [0]), (90.0, [1, 2, 3]), (180.0, [4, 5])]


@pytest.mark.parametrize(("num_sequences", "gap"), [(1, 1), (3, 2), (10, 9), (20, 9)])
def test_the_more_are_answered_the_longer_tokens_are_joined(monkeypatch, num_sequences, gap):
    monkeypatch.setattr(held_updates, "MESSAGES_PER_S", 1.0)
    held, sequences = HeldUpdates(INTERVAL_S), [sequence() for _ in range(num_sequences)]
    moments = {each: [] for each in sequences}
    for now in range(40):
        for update in held.due([SequenceUpdate(each, token_ids=[1]) for each in sequences], now):
            moments[update.sequence].append(now)
    for times in moments.values():
        assert times[0] == 0 and {b - a for a, b in pairwise(times[1:])} == {gap}


def test_without_an_interval_nothing_is_held():
    assert sent(HeldUpdates(0.0), [0.0, 0.0, 1.0]) == [(0.0, [0]), (0.0, [1]), (1.0, [2])]


def test_tokens_come_when_their_time_is_over_though_others_bring_news():
    held, first, second = HeldUpdates(INTERVAL_S), sequence(), sequence()
    sent(held, [0.0, 1.0], first)
    assert sent(held, [2.0], second) == [(2.0, [0])]
    assert [update.sequence for update in held.due([], 10.0)] == [first]


@pytest.mark.parametrize(
    "last",
    [
        {"finish": Finish(FinishReason.LENGTH)},
        {"error": EngineFailedError("Broken.")},
        {"features_wanted": True},
        {"started": True},
    ],
    ids=lambda last: next(iter(last)),
)
def test_what_must_be_known_goes_at_once_with_all_before_it(last):
    held, each = HeldUpdates(INTERVAL_S), sequence()
    sent(held, [0.0, 1.0, 2.0], each)
    [update] = held.due([SequenceUpdate(each, **last)], 3.0)
    assert update.token_ids == [1, 2]
    assert all(getattr(update, name) == value for name, value in last.items())


def test_nothing_is_kept_of_who_is_forgotten():
    held, each = HeldUpdates(INTERVAL_S), sequence()
    sent(held, [0.0, 1.0], each)
    held.forget(each)
    assert held.due([], 100.0) == []
    assert sent(held, [101.0], each) == [(101.0, [0])]
    assert held._sent.keys() == {each}
