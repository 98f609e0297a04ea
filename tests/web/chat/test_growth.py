"""What a message gains from the generator's stream."""

from __future__ import annotations

import pytest
from sightline_common.errors import InternalError
from sightline_web.chat.growth import Growth
from sightline_web.store.records import Message, Role

from tests.web.fakes import complete, delta, started

MESSAGE = Message("m1", "c1", None, Role.ASSISTANT, "")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_thinking_lasts_from_its_first_word_to_the_answers() -> None:
    clock = Clock()
    growth = Growth(MESSAGE, clock)
    messages = []
    for seconds, step in (
        (1.0, started()),
        (2.0, delta(reasoning="Hm")),
        (3.5, delta(reasoning=", well")),
        (0.5, delta("Yes")),
        (9.0, delta("!")),
    ):
        clock.now += seconds
        growth.add(step)
        messages.append(growth.message())
    assert "thinking_s" not in messages[2].stats
    assert messages[3].stats["thinking_s"] == messages[4].stats["thinking_s"] == 4.0
    assert messages[4].reasoning == "Hm, well"
    assert messages[4].stats["elapsed_s"] == 16.0


def test_answer_without_thinking_has_no_such_time() -> None:
    growth = Growth(MESSAGE, Clock())
    growth.add(delta("Yes"))
    assert "thinking_s" not in growth.message().stats


def test_stream_without_end_was_cut_off() -> None:
    growth = Growth(MESSAGE, Clock())
    growth.add(delta("Yes"))
    with pytest.raises(InternalError):
        growth.finish_reason()
    growth.add(complete(1))
    assert growth.finish_reason() == "stop"
