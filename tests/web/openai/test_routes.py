"""Chat completions over HTTP: shapes, order, errors, cancellation."""

from __future__ import annotations

import json

import httpx2
import pytest
from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.errors import (
    DeadlineError,
    EngineFailedError,
    FieldInvalidError,
    InternalError,
    MediaTooLargeError,
    MediaUnreadableError,
    NotReadyError,
    ParameterUnsupportedError,
    PayloadCorruptError,
    PromptTooLongError,
    QueueFullError,
    SightlineError,
)

from tests.web.fakes import FakeGenerator, complete, data_url, delta, png, says, started

URL = "/v1/chat/completions"


def ask(**changes: object) -> dict[str, object]:
    request: dict[str, object] = {
        "model": "glm-4.6v-flash",
        "messages": [{"role": "user", "content": "What is this?"}],
    }
    return {**request, **changes}


def events_of(body: str) -> list[str]:
    blocks = [block for block in body.split("\n\n") if block]
    assert all(block.startswith("data: ") for block in blocks)
    return [block.removeprefix("data: ") for block in blocks]


async def test_completion_has_openai_shape(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(
        [started(30, images=9), delta(reasoning="Hm."), delta("A "), delta("cat."),
         complete(3, prompt=30, images=9, reasoning=1)]
    )  # fmt: skip
    response = await client.post(URL, json=ask())
    body = response.json()
    assert response.status_code == 200
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "sightline-nano"
    assert body["system_fingerprint"] == "fp_abababababab"
    [choice] = body["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "A cat.",
        "refusal": None,
        "reasoning_content": "Hm.",
    }
    assert choice["finish_reason"] == "stop"
    assert body["usage"] == {
        "prompt_tokens": 30,
        "completion_tokens": 3,
        "total_tokens": 33,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": 9, "text_tokens": 21},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert response.headers["x-request-id"]
    assert response.headers["openai-processing-ms"].isdigit()


async def test_stream_has_role_reasoning_text_finish_usage_done_in_this_order(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta(reasoning="Hm."), delta("A cat."), complete()])
    options = {"include_usage": True}
    response = await client.post(URL, json=ask(stream=True, stream_options=options))
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events_of(response.text)
    assert done == "[DONE]"
    parsed = [json.loads(chunk) for chunk in chunks]
    deltas = [chunk["choices"][0]["delta"] for chunk in parsed[:-1]]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm."},
        {"content": "A cat."},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in parsed[:-1]] == [None] * 3 + ["stop"]
    assert [chunk["usage"] for chunk in parsed[:-1]] == [None] * 4
    assert parsed[-1]["choices"] == []
    assert parsed[-1]["usage"]["completion_tokens"] == 3
    assert len({(chunk["id"], chunk["created"]) for chunk in parsed}) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_use_of_similar_pictures_is_told_in_whole_answers_and_in_every_chunk(
    client: httpx2.AsyncClient, generator: FakeGenerator, stream: bool
) -> None:
    first = started()
    first.started.media.add(source=media_pb2.FEATURE_SOURCE_COMPUTED)
    first.started.media.add(source=media_pb2.FEATURE_SOURCE_SIMILAR, similar_distance=0.0)
    generator.enqueue([first, delta("A cat."), complete()])
    response = await client.post(URL, json=ask(stream=stream))
    bodies = events_of(response.text)[:-1] if stream else [response.text]
    told = [json.loads(body)["similar_images"] for body in bodies]
    assert told == [[{"index": 1, "distance": 0.0}]] * len(bodies)


async def test_answer_without_similar_pictures_does_not_mention_them(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.post(URL, json=ask())
    assert "similar_images" not in response.json()


async def test_option_of_a_picture_is_named_as_parameter(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    field = "messages[0].parts[1].media.options.similar_allowed"
    generator.enqueue([ParameterUnsupportedError("Not here.", field=field)])
    response = await client.post(URL, json=ask())
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "unsupported_parameter"
    assert response.json()["error"]["param"] == "messages[0].content[1].image_url.similar_allowed"


async def test_stream_without_usage_option_has_no_usage(client: httpx2.AsyncClient) -> None:
    response = await client.post(URL, json=ask(stream=True))
    *chunks, _done = events_of(response.text)
    assert all("usage" not in json.loads(chunk) for chunk in chunks)


async def test_continuous_usage_counts_tokens_so_far(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue(says("a", "b"))
    options = {"include_usage": True, "continuous_usage_stats": True}
    response = await client.post(URL, json=ask(stream=True, stream_options=options))
    counts = [
        json.loads(chunk)["usage"]["completion_tokens"] for chunk in events_of(response.text)[:-1]
    ]
    assert counts == [0, 1, 2, 2, 2]
    assert generator.requests[0].token_ids_wanted


async def test_logprobs_are_passed_on_and_returned(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    other = generator_pb2.AlternativeLogprob(token_id=2, text="b", token_bytes=b"b", logprob=-2)
    token = generator_pb2.TokenLogprob(
        token_id=1, text="a", token_bytes=b"a", logprob=-0.5, alternatives=[other]
    )
    piece = generator_pb2.Delta(text="a", logprobs=[token])
    generator.enqueue([started(), generator_pb2.GenerateTextResponse(delta=piece), complete(1)])
    response = await client.post(URL, json=ask(logprobs=True, top_logprobs=1))
    assert response.json()["choices"][0]["logprobs"]["content"] == [
        {
            "token": "a",
            "logprob": -0.5,
            "bytes": [97],
            "top_logprobs": [{"token": "b", "logprob": -2.0, "bytes": [98]}],
        }
    ]
    assert generator.requests[0].logprobs.alternative_count == 1


async def test_impossible_token_has_openais_least_logprob(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    token = generator_pb2.TokenLogprob(token_id=1, text="a", logprob=float("-inf"))
    piece = generator_pb2.Delta(text="a", logprobs=[token])
    generator.enqueue([started(), generator_pb2.GenerateTextResponse(delta=piece), complete(1)])
    response = await client.post(URL, json=ask(logprobs=True))
    [content] = response.json()["choices"][0]["logprobs"]["content"]
    assert content["logprob"] == -9999.0


async def test_length_is_the_finish_reason_when_tokens_run_out(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta("A"), complete(1, generator_pb2.FINISH_REASON_LENGTH)])
    response = await client.post(URL, json=ask(max_tokens=1))
    assert response.json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (PromptTooLongError("Too long."), 400, "context_length_exceeded"),
        (MediaUnreadableError("Damaged."), 400, "image_decode_failed"),
        (MediaTooLargeError("Huge."), 400, "image_too_large"),
        (FieldInvalidError("No.", field="sampling.temperature"), 400, "invalid_value"),
        (QueueFullError("Full.", retry_after_s=3), 503, "server_overloaded"),
        (NotReadyError("Loading."), 503, "model_not_ready"),
        (PayloadCorruptError("Bent."), 503, "payload_corrupt"),
        (DeadlineError("Late."), 504, "deadline_exceeded"),
        (EngineFailedError("Broken."), 500, "engine_failed"),
    ],
)
async def test_refusal_before_start_keeps_its_http_status(
    client: httpx2.AsyncClient,
    generator: FakeGenerator,
    error: SightlineError,
    status: int,
    code: str,
    stream: bool,
) -> None:
    generator.enqueue([error])
    response = await client.post(URL, json=ask(stream=stream))
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert ("retry-after" in response.headers) == (status == 503)
    assert (await client.post(URL, json=ask())).status_code == 200


async def test_retry_after_is_what_the_generator_asked_for(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([QueueFullError("Full.", retry_after_s=3.2)])
    response = await client.post(URL, json=ask())
    assert response.headers["retry-after"] == "4"


async def test_field_of_generator_is_named_as_parameter(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([MediaUnreadableError("Damaged.", field="messages[0].parts[1]")])
    generator.enqueue(
        [FieldInvalidError("stop.max_token_count is 0.", field="stop.max_token_count")]
    )
    first = await client.post(URL, json=ask())
    second = await client.post(URL, json=ask())
    assert first.json()["error"]["param"] == "messages[0].content[1]"
    assert second.json()["error"]["param"] == "max_completion_tokens"
    assert second.json()["error"]["message"] == "max_completion_tokens is 0."


@pytest.mark.parametrize("error", [InternalError("Broken."), RuntimeError("0xdeadbeef /secret")])
async def test_error_after_start_is_an_event_and_no_done_follows(
    client: httpx2.AsyncClient, generator: FakeGenerator, error: Exception
) -> None:
    generator.enqueue([started(), delta("A"), error])
    response = await client.post(URL, json=ask(stream=True))
    *_chunks, last = events_of(response.text)
    assert json.loads(last)["error"]["type"] == "server_error"
    assert "[DONE]" not in response.text
    assert "secret" not in response.text


async def test_stream_that_ends_without_complete_is_an_error(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta("A")])
    generator.enqueue([started(), delta("A")])
    streamed = await client.post(URL, json=ask(stream=True))
    whole = await client.post(URL, json=ask())
    assert "[DONE]" not in streamed.text
    assert "error" in json.loads(events_of(streamed.text)[-1])
    assert whole.status_code == 500


async def test_unexpected_failure_tells_no_details(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    generator.enqueue([ValueError("/home/secret 0x7fff")])
    response = await client.post(URL, json=ask())
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "server_error"
    assert "secret" not in response.text
    assert response.headers["x-request-id"]


async def test_unknown_model_is_404(client: httpx2.AsyncClient) -> None:
    response = await client.post(URL, json=ask(model="gpt-4"))
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert response.json()["error"]["param"] == "model"


async def test_models_are_listed_under_all_names(client: httpx2.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()
    assert [model["id"] for model in listed["data"]] == ["sightline-nano", "glm-4.6v-flash"]
    shown = await client.get("/v1/models/glm-4.6v-flash")
    assert shown.json()["object"] == "model"
    assert (await client.get("/v1/models/a/b")).json()["error"]["code"] == "model_not_found"


async def test_wrong_content_type_is_415(client: httpx2.AsyncClient) -> None:
    body = json.dumps(ask())
    response = await client.post(URL, content=body, headers={"content-type": "text/plain"})
    assert response.status_code == 415


async def test_unknown_path_and_method_are_openai_shaped(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/v1/embeddings")
    wrong = await client.get(URL)
    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert {"message", "type", "param", "code"} == missing.json()["error"].keys()
    assert wrong.json()["error"]["type"] == "invalid_request_error"
    assert wrong.headers["allow"] == "POST"


async def test_picture_reaches_the_generator_whole(
    client: httpx2.AsyncClient, generator: FakeGenerator
) -> None:
    content = [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": data_url(png())}},
    ]
    await client.post(URL, json=ask(messages=[{"role": "user", "content": content}]))
    [message] = generator.requests[0].messages
    assert message.parts[0].text == "What?"
    assert message.parts[1].media.data == png()
