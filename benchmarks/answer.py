"""A streamed chat completion, read after the clock has stopped.

While a server is measured, the load generator only notes when which bytes arrived;
HTTP, event stream and JSON are taken apart here, when that costs nobody anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import h11

from benchmarks.measure import Sample

TEXT_FIELDS = ("content", "reasoning_content", "reasoning")


class AnswerError(RuntimeError):
    """Means that a server refused, failed, or did not do what was asked."""


class Arrival(NamedTuple):
    """Bytes that arrived at a time, in seconds of `time.perf_counter`."""

    time_s: float
    data: bytes


@dataclass
class Recording:
    """One exchange: when the request left, what arrived when, and when the end came."""

    start_s: float
    arrivals: list[Arrival] = field(default_factory=list)
    end_s: float = 0.0


class Answer(NamedTuple):
    """What a recording says: the timings, and how many tokens the prompt had."""

    sample: Sample
    prompt_token_count: int


def read_answer(recording: Recording) -> Answer:
    """Reads a recorded answer; raises AnswerError when it is not a complete one."""
    first_s: float | None = None
    usage: dict[str, int] | None = None
    for time_s, event in _events(_body(recording.arrivals)):
        if "error" in event:
            raise AnswerError(f"the server failed: {event['error']}")
        if first_s is None and _has_text(event):
            first_s = time_s
        usage = event.get("usage") or usage
    if usage is None:
        raise AnswerError("the stream ended without usage")
    total_s = recording.end_s - recording.start_s
    to_first_s = total_s if first_s is None else first_s - recording.start_s
    sample = Sample(to_first_s, total_s, usage["completion_tokens"])
    return Answer(sample, usage["prompt_tokens"])


def _body(arrivals: Sequence[Arrival]) -> Iterator[Arrival]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "bench")]))
    connection.send(h11.EndOfMessage())
    status, refusal = 200, b""
    for time_s, data in arrivals:
        connection.receive_data(data)
        for event in _http_events(connection):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data) and status == 200:
                yield Arrival(time_s, bytes(event.data))
            elif isinstance(event, h11.Data):
                refusal += bytes(event.data)
    if status != 200:
        raise AnswerError(f"HTTP {status}: {refusal.decode(errors='replace')[:500]}")


def _http_events(connection: h11.Connection) -> Iterator[object]:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA or event is h11.PAUSED:
            return
        yield event
        if isinstance(event, h11.EndOfMessage):
            return


def _events(body: Iterator[Arrival]) -> Iterator[tuple[float, dict[str, Any]]]:
    rest = b""
    for time_s, data in body:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            value = line.strip().removeprefix(b"data:").strip()
            if line.startswith(b"data:") and value != b"[DONE]":
                yield time_s, json.loads(value)


def _has_text(event: dict[str, Any]) -> bool:
    deltas = [choice.get("delta") or {} for choice in event.get("choices", [])]
    return any(delta.get(name) for delta in deltas for name in TEXT_FIELDS)
