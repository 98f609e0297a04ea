"""One journey that every client makes, whatever it is written in."""

import re
from itertools import pairwise

import pytest
from sightline_common.digest import sha256_digest
from sightline_common.errors import NotReadyError, PayloadCorruptError, QueueFullError

from tests.clients.relay import relaying
from tests.clients.scripted_generator import HOLD_S, WORDS, ScriptedGenerator, serving
from tests.suite.pictures import EXAMPLES, fresh_picture
from tests.suite.test_grpc import assert_idle_soon

QUESTION = "Describe the image."
HINT_S = 0.2
MAX_ATTEMPTS = 5


def own_limit(message, retry_after_s):
    """A refusal of a caller that exceeds its own limit, as a gateway says it."""
    error = QueueFullError(message, retry_after_s=retry_after_s)
    error.status = "RESOURCE_EXHAUSTED"
    return error


def refusing(*errors):
    return ScriptedGenerator([kind("Come back.", retry_after_s=HINT_S) for kind in errors])


@pytest.mark.suite
def test_answer_streams_and_bytes_travel_once(client, suite, tmp_path):
    data = fresh_picture()
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    first = client.ask(suite.generator, QUESTION, "--image", str(path))
    again = client.ask(suite.generator, QUESTION, "--image", str(path))
    assert first.status == again.status == 0, first.notes + again.notes
    assert first.answer == again.answer != ""
    assert f"wanted: {sha256_digest(data)}" in first.notes
    assert not any(note.startswith("wanted:") for note in again.notes)
    assert re.fullmatch(r"finished: STOP, \d+ tokens", again.notes[-1])


@pytest.mark.suite
def test_answer_is_the_truth(client, suite):
    told = client.ask(suite.generator, QUESTION, "--image", str(EXAMPLES / "hearts.png"))
    assert told.answer == "A purple heart at the top right and an orange heart at the bottom left."


@pytest.mark.suite
def test_cancelling_stops_the_work(client, suite, generator):
    """The relay keeps the connection open: the client's cancel ends the work, not its exit."""
    with relaying(suite.generator) as target:
        left = client.ask(target, QUESTION, "--cancel-after", "3")
        assert (left.status, left.notes) == (0, ["cancelled after 3 pieces"])
        assert_idle_soon(generator)


@pytest.mark.suite
def test_refusal_says_its_reason(client, suite, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no picture at all")
    refused = client.ask(suite.generator, QUESTION, "--image", str(path))
    assert refused.status == 1
    assert refused.notes[-1].startswith("error: INVALID_ARGUMENT MEDIA_FORMAT_UNSUPPORTED: ")


def test_cancelled_call_reaches_the_server(client):
    endless = ScriptedGenerator(endless=True)
    with serving(endless) as server, relaying(server) as target:
        client.ask(target, QUESTION, "--cancel-after", "3")
        assert endless.departed.wait(HOLD_S)


def test_deadline_ends_the_call(client):
    with serving(ScriptedGenerator(endless=True)) as target:
        late = client.ask(target, QUESTION, "--deadline", "0.5")
    assert late.status == 1
    assert late.notes[-1].startswith("error: DEADLINE_EXCEEDED")


def test_hints_of_overload_are_waited_for(client):
    full = refusing(QueueFullError, own_limit, NotReadyError)
    with serving(full) as target:
        answered = client.ask(target, QUESTION)
    assert answered.answer == "".join(WORDS), answered.notes
    pauses = [after - before for before, after in pairwise(full.arrivals)]
    assert len(pauses) == 3 and min(pauses) >= HINT_S
    assert sum(note.startswith("waiting: 0.2") for note in answered.notes) == 3


def test_overload_is_not_waited_for_for_ever(client):
    full = refusing(*[QueueFullError] * 20)
    with serving(full) as target:
        refused = client.ask(target, QUESTION)
    assert refused.status == 1
    assert refused.notes[-1] == "error: UNAVAILABLE QUEUE_FULL: Come back."
    assert len(full.requests) == MAX_ATTEMPTS


def test_answer_that_began_is_not_asked_for_again(client):
    broken = ScriptedGenerator(failure=NotReadyError("Stopping.", retry_after_s=HINT_S))
    with serving(broken) as target:
        cut = client.ask(target, QUESTION)
    assert (cut.status, cut.answer) == (1, "".join(WORDS))
    assert cut.notes == ["error: UNAVAILABLE NOT_READY: Stopping."]
    assert len(broken.requests) == 1


@pytest.mark.parametrize("messages, text", [(0, ""), (3, "Red and")])
def test_stream_without_its_end_was_cut_off(client, messages, text):
    short = ScriptedGenerator(cut_after=messages)
    with serving(short) as target:
        cut = client.ask(target, QUESTION)
    assert (cut.status, cut.answer) == (1, text)
    (note,) = cut.notes
    assert note.startswith("error: INTERNAL ANSWER_CUT_OFF: The answer was cut off")
    assert len(short.requests) == 1


def test_damage_on_the_way_is_tried_again(client):
    damaged = ScriptedGenerator([PayloadCorruptError("Try again.")])
    with serving(damaged) as target:
        assert client.ask(target, QUESTION).answer == "".join(WORDS)


def test_no_wait_outlasts_the_deadline(client):
    full = ScriptedGenerator([QueueFullError("Come back.", retry_after_s=600.0)])
    with serving(full) as target:
        refused = client.ask(target, QUESTION, "--deadline", "120")
    assert refused.notes == ["error: UNAVAILABLE QUEUE_FULL: Come back."]
