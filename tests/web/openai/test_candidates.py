"""Several answers to one question."""

from __future__ import annotations

import json

import httpx2
from sightline.generator.v1 import generator_pb2

from tests.web.fakes import FakeGenerator, complete, delta, started
from tests.web.openai.test_routes import URL, ask

LENGTH = generator_pb2.FINISH_REASON_LENGTH
STOP = generator_pb2.FINISH_REASON_STOP


def two_answers() -> list[generator_pb2.GenerateTextResponse]:
    """Two answers whose pieces come by turns."""
    return [
        started(),
        delta("A"),
        delta("x", candidate=1),
        delta("B"),
        delta("y", "hm", candidate=1),
        complete(4, STOP, LENGTH),
    ]


async def test_each_candidate_has_its_own_choice(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(two_answers())
    response = await client.post(URL, json=ask(n=2))
    first, second = response.json()["choices"]
    assert generator.requests[0].candidate_count == 2
    assert (first["index"], first["message"]["content"], first["finish_reason"]) == (
        0,
        "AB",
        "stop",
    )
    assert (second["index"], second["message"]["content"], second["finish_reason"]) == (
        1,
        "xy",
        "length",
    )
    assert second["message"]["reasoning_content"] == "hm"
    assert "reasoning_content" not in first["message"]
    assert response.json()["usage"]["completion_tokens"] == 4


async def test_chunks_tell_which_candidate_they_are_of(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(two_answers())
    response = await client.post(URL, json=ask(n=2, stream=True))
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    choices = [choice for line in lines[:-1] for choice in json.loads(line)["choices"]]
    texts = ["", ""]
    for choice in choices:
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == ["AB", "xy"]
    assert [choice["index"] for choice in choices[:2]] == [0, 1]
    ends = {each["index"]: each["finish_reason"] for each in choices if each["finish_reason"]}
    assert ends == {0: "stop", 1: "length"}


async def test_one_candidate_is_not_asked_for_by_number(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    await client.post(URL, json=ask())
    assert not generator.requests[0].HasField("candidate_count")
