from __future__ import annotations

from sightline_encoder.quarantine import Quarantine


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_file_is_held_for_the_duration_and_no_longer():
    clock = Clock()
    quarantine = Quarantine(10, clock)
    quarantine.add(b"deadly")

    clock.now = 9.9
    assert quarantine.holds(b"deadly")
    assert not quarantine.holds(b"other")
    clock.now = 10
    assert not quarantine.holds(b"deadly")
    assert len(quarantine) == 0


def test_adding_again_starts_the_duration_anew():
    clock = Clock()
    quarantine = Quarantine(10, clock)
    quarantine.add(b"deadly")
    clock.now = 6
    quarantine.add(b"other")
    quarantine.add(b"deadly")

    clock.now = 15
    assert quarantine.holds(b"deadly")
    clock.now = 16
    assert not quarantine.holds(b"deadly")


def test_memory_is_bounded_and_the_oldest_goes_first():
    quarantine = Quarantine(10, Clock())
    for number in range(1025):
        quarantine.add(str(number).encode())

    assert len(quarantine) == 1024
    assert not quarantine.holds(b"0")
    assert quarantine.holds(b"1024")
