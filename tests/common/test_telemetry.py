"""Log records: one line each, whatever is in them."""

import json
import logging
import re

import pytest
from sightline_common.child_process import readable_line
from sightline_common.request_ids import request_id
from sightline_common.telemetry import MAX_VALUE_LENGTH, JsonFormatter, TextFormatter, name_traces

HOSTILE = "a\nb\r\x1b[31mred\x07\x7f\x9b\u2028\u202e"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")


def record(event="rpc refused", error=None, **fields):
    made = logging.LogRecord("x", logging.INFO, "x.py", 1, event, (), error)
    made.fields = fields
    return made


def raised(message):
    try:
        raise ValueError(message)
    except ValueError as error:
        return type(error), error, error.__traceback__


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_hostile_value_stays_on_its_line_and_harmless(formatter):
    line = formatter("web").format(record(path=HOSTILE, **{"b\x1b": "c"}))
    assert "\n" not in line
    assert not CONTROL.search(line)


def test_launcher_shows_a_hostile_record_harmlessly_too():
    for line in (JsonFormatter("web").format(record(path=HOSTILE)), HOSTILE):
        assert not CONTROL.search(readable_line(line))
        assert "\n" not in readable_line(line)


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_exception_is_told_without_its_control_characters(formatter):
    line = formatter("web").format(record(error=raised(HOSTILE)))
    assert "ValueError" in line
    assert not CONTROL.search(line)


def test_json_record_is_an_object_with_its_fields():
    entry = json.loads(JsonFormatter("web").format(record(reason="QUEUE_FULL", ms=3)))
    assert entry["service"] == "web"
    assert (entry["event"], entry["reason"], entry["ms"]) == ("rpc refused", "QUEUE_FULL", 3)


def test_text_record_has_level_service_event_and_fields():
    line = TextFormatter("web").format(record(reason="QUEUE_FULL"))
    assert re.fullmatch(r"\S+Z INFO    web rpc refused reason=QUEUE_FULL", line)


def test_value_is_bounded():
    entry = json.loads(JsonFormatter("web").format(record(path="x" * 10_000)))
    assert len(entry["path"]) == MAX_VALUE_LENGTH + 1


def test_trace_is_named_where_the_request_has_another_id():
    token = request_id.set("mine")
    name_traces(lambda: "f" * 32)
    try:
        entry = json.loads(JsonFormatter("web").format(record()))
        assert (entry["request_id"], entry["trace_id"]) == ("mine", "f" * 32)
        request_id.set("f" * 32)
        assert "trace_id" not in json.loads(JsonFormatter("web").format(record()))
    finally:
        name_traces(None)
        request_id.reset(token)
