"""How often somebody may try a password."""

from __future__ import annotations

import pytest
from sightline_web.accounts.attempts import (
    MAX_KEYS,
    MAX_PER_ADDRESS,
    MAX_PER_NAME,
    MAX_PER_NAME_AND_ADDRESS,
    WINDOW_S,
    Attempts,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def test_one_name_from_one_address_is_bounded_until_the_window_ends(
    attempts: Attempts, clock: Clock
) -> None:
    waits = [attempts.begin("anna", "10.0.0.1") for _ in range(MAX_PER_NAME_AND_ADDRESS + 1)]
    assert waits == [0.0] * MAX_PER_NAME_AND_ADDRESS + [WINDOW_S]
    assert attempts.begin("anna", "10.0.0.2") == 0
    clock.now += WINDOW_S
    assert attempts.begin("anna", "10.0.0.1") == 0


def test_many_names_from_one_address_are_bounded(attempts: Attempts) -> None:
    waits = [attempts.begin(f"name {n}", "10.0.0.1") for n in range(MAX_PER_ADDRESS + 1)]
    assert waits[-2:] == [0.0, WINDOW_S]


def test_one_name_from_many_addresses_is_bounded(attempts: Attempts) -> None:
    waits = [attempts.begin("anna", f"10.0.{n // 250}.{n % 250}") for n in range(MAX_PER_NAME + 1)]
    assert waits[-2:] == [0.0, WINDOW_S]


def test_one_ipv6_network_is_one_address(attempts: Attempts) -> None:
    waits = [attempts.begin("anna", f"2001:db8::{n:x}") for n in range(11)]
    assert waits[-1] > 0
    assert attempts.begin("anna", "2001:db8:0:1::1") == 0


def test_ipv4_in_ipv6_is_ipv4(attempts: Attempts) -> None:
    waits = [attempts.begin("anna", "::ffff:10.0.0.1") for _ in range(11)]
    assert waits[-1] > 0
    assert attempts.begin("anna", "::ffff:10.0.0.2") == 0


def test_success_gives_its_attempt_back(attempts: Attempts) -> None:
    for _ in range(3 * MAX_PER_ADDRESS):
        assert attempts.begin("anna", "10.0.0.1") == 0
        attempts.succeeded("anna", "10.0.0.1")


def test_memory_is_bounded(attempts: Attempts) -> None:
    for number in range(MAX_KEYS):
        attempts.begin(f"name {number}", f"10.{number >> 8}.{number & 255}.1")
    assert len(attempts._counts) <= MAX_KEYS
