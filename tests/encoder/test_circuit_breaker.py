from __future__ import annotations

import logging

import pytest
from sightline_encoder.circuit_breaker import (
    FIRST_COOLDOWN_S,
    MAX_COOLDOWN_S,
    CircuitBreaker,
    CircuitOpenError,
)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker("store", clock)


def fail(breaker):
    with pytest.raises(OSError, match="broken"), breaker.attempt():
        raise OSError("broken")


def succeed(breaker):
    with breaker.attempt():
        pass


def is_refused(breaker):
    try:
        succeed(breaker)
    except CircuitOpenError:
        return True
    return False


def test_closed_breaker_lets_everything_through(breaker):
    for _ in range(3):
        succeed(breaker)
    assert breaker.is_closed


def test_failure_refuses_further_attempts_until_the_cooldown_is_over(breaker, clock):
    fail(breaker)
    clock.now += FIRST_COOLDOWN_S - 0.01
    assert is_refused(breaker)

    clock.now += 0.01

    assert not is_refused(breaker)
    assert breaker.is_closed


def test_one_probe_at_a_time(breaker, clock):
    fail(breaker)
    clock.now += FIRST_COOLDOWN_S

    with breaker.attempt():
        assert is_refused(breaker)
    assert not is_refused(breaker)


def test_failed_probes_double_the_cooldown_up_to_a_bound(breaker, clock):
    fail(breaker)
    cooldowns = []
    for _ in range(8):
        start = clock.now
        while is_refused_until_probe(breaker):
            clock.now += FIRST_COOLDOWN_S
        cooldowns.append(clock.now - start)

    assert cooldowns[:3] == [FIRST_COOLDOWN_S, 2 * FIRST_COOLDOWN_S, 4 * FIRST_COOLDOWN_S]
    assert cooldowns[-1] == MAX_COOLDOWN_S


def is_refused_until_probe(breaker):
    """Makes a failing attempt; tells whether it was refused."""
    try:
        with breaker.attempt():
            raise OSError("broken")
    except CircuitOpenError:
        return True
    except OSError:
        return False


def test_recovery_starts_over(breaker, clock):
    fail(breaker)
    clock.now += FIRST_COOLDOWN_S
    fail(breaker)
    clock.now += 2 * FIRST_COOLDOWN_S
    succeed(breaker)

    fail(breaker)
    clock.now += FIRST_COOLDOWN_S

    assert not is_refused(breaker)


def test_failures_of_attempts_under_way_count_once(breaker, clock):
    with pytest.raises(OSError, match="late"), breaker.attempt():
        fail(breaker)
        raise OSError("late")
    clock.now += FIRST_COOLDOWN_S

    assert not is_refused(breaker)


def test_probe_that_is_cancelled_leaves_the_place_to_the_next(breaker, clock):
    fail(breaker)
    clock.now += FIRST_COOLDOWN_S
    with pytest.raises(KeyboardInterrupt), breaker.attempt():
        raise KeyboardInterrupt

    assert not breaker.is_closed
    assert not is_refused(breaker)


def test_an_outage_is_logged_once_and_its_end(breaker, clock, caplog):
    caplog.set_level(logging.INFO)
    for _ in range(3):
        is_refused_until_probe(breaker)
        clock.now += MAX_COOLDOWN_S
    succeed(breaker)

    assert [record.getMessage() for record in caplog.records] == [
        "store bypassed",
        "store used again",
    ]
