"""The Python package against a scripted generator, with and without an event loop."""

import asyncio
import hashlib
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import grpc
import pytest
import sightline.client as sightline
from sightline.generator.v1 import generator_pb2
from sightline_common.errors import (
    MediaBytesRequiredError,
    NotReadyError,
    QueueFullError,
    SightlineError,
    error_types,
)

from tests.certificates import Authority
from tests.clients.scripted_generator import HOLD_S, WORDS, ScriptedGenerator, serving

# No call outlasts these, where cancelling or anything else that ends it fails.
open_client = partial(sightline.Client, timeout_s=3 * HOLD_S)
open_async_client = partial(sightline.AsyncClient, timeout_s=3 * HOLD_S)
TEXT = "".join(WORDS)
PICTURE = b"a picture's bytes"
DIGEST = f"sha256:{hashlib.sha256(PICTURE).hexdigest()}"
ONCE = sightline.RetryPolicy(max_attempts=1)
HINTED = sightline.UnavailableError("Full.", retry_after_s=8.0)
REASONS = [kind for kind in error_types() if kind is not SightlineError]


def ask(target, question="What?", *, settings=None, watch=None, **asked):
    with open_client(target, **(settings or {})) as client:
        answer = client.ask(question, **asked)
        if watch is not None:
            watch(answer)
        answer.read()
        return answer


def ask_asynchronously(target, question="What?", *, settings=None, watch=None, **asked):
    async def read():
        async with open_async_client(target, **(settings or {})) as client:
            answer = client.ask(question, **asked)
            if watch is not None:
                watch(answer)
            await answer.read()
            return answer

    return asyncio.run(read())


@pytest.fixture(params=[ask, ask_asynchronously], ids=["sync", "async"])
def asking(request):
    return request.param


def bytes_required(digests=DIGEST):
    return MediaBytesRequiredError("Send bytes.", metadata={"digests": digests})


def only_media(request):
    return next(part.media for part in request.messages[-1].parts if part.HasField("media"))


def test_answer_tells_text_end_and_counts(asking):
    with serving(ScriptedGenerator()) as target:
        answer = asking(target)
    assert (answer.text, answer.finish_reason) == (TEXT, "STOP")
    assert answer.started.prompt_token_count == 7
    assert answer.complete.usage.completion_token_count == len(WORDS)


def test_answer_continues_a_conversation(asking):
    with serving(generator := ScriptedGenerator()) as target:
        first = asking(target, "One?", system="Be brief.", images=[PICTURE])
        asking(target, "Two?", history=first.messages)
    roles = [generator_pb2.Role.Name(message.role) for message in generator.requests[1].messages]
    assert roles == ["ROLE_SYSTEM", "ROLE_USER", "ROLE_ASSISTANT", "ROLE_USER"]
    assert generator.requests[1].messages[2].parts[0].text == TEXT
    assert generator.requests[1].messages[1].parts[0].media.digest == DIGEST


def test_bytes_follow_where_they_are_wanted(asking):
    with serving(generator := ScriptedGenerator([bytes_required()])) as target:
        assert asking(target, images=[PICTURE]).text == TEXT
    named, sent = map(only_media, generator.requests)
    assert (named.digest, named.data) == (DIGEST, b"")
    assert (sent.digest, sent.data) == (DIGEST, PICTURE)


def test_bytes_come_at_once_where_that_is_asked_for(asking):
    with serving(generator := ScriptedGenerator()) as target:
        asking(target, images=[PICTURE], settings={"digest_first": False})
    assert only_media(generator.requests[0]).data == PICTURE


def test_file_that_exceeds_a_message_is_uploaded(asking):
    large = bytes(3 * 2**20 // 2)
    digest = f"sha256:{hashlib.sha256(large).hexdigest()}"
    with serving(generator := ScriptedGenerator([bytes_required(digest)])) as target:
        settings = {"max_message_bytes": 2**20 + 2**17, "cache_salt": "salt"}
        asking(target, images=[large], settings=settings)
    ((header, stored),) = generator.uploads
    assert (header.digest, header.cache_salt, stored) == (digest, "salt", large)
    assert [only_media(request).data for request in generator.requests] == [b"", b""]


def test_file_that_is_asked_for_again_and_again_ends_in_an_error(asking):
    generator = ScriptedGenerator([bytes_required()] * 20)
    with serving(generator) as target, pytest.raises(sightline.MediaBytesRequiredError):
        asking(target, images=[PICTURE])
    assert len(generator.requests) < 6


@pytest.mark.parametrize("kind", REASONS, ids=lambda kind: kind.reason)
def test_every_reason_comes_as_the_class_of_its_status(kind):
    raised = kind("What to change.", field="messages", metadata={"limit": "3"})
    generator = ScriptedGenerator([raised])
    with serving(generator) as target, pytest.raises(sightline.SightlineError) as caught:
        ask(target, settings={"retry": ONCE})
    error = caught.value
    assert (error.reason, error.status.name) == (kind.reason, kind.status)
    assert (error.message, error.field) == ("What to change.", "messages")
    assert error.metadata == {"limit": "3"}
    assert type(error) is expected_class(kind)


def expected_class(kind):
    own = getattr(sightline, kind.__name__, None)
    if own in {sightline.PromptTooLongError, sightline.MediaBytesRequiredError}:
        return own
    if kind.reason.startswith("MEDIA_"):
        return sightline.MediaError
    return {
        "INVALID_ARGUMENT": sightline.InvalidRequestError,
        "NOT_FOUND": sightline.NotFoundError,
        "UNAVAILABLE": sightline.UnavailableError,
        "DEADLINE_EXCEEDED": sightline.DeadlineError,
    }.get(kind.status, sightline.ServerError)


def test_hint_is_waited_for(asking):
    generator = ScriptedGenerator([QueueFullError("Full.", retry_after_s=0.1)])
    with serving(generator) as target:
        assert asking(target).text == TEXT
    first, second = generator.arrivals
    assert second - first >= 0.1


def test_wait_is_the_hint_and_little_more():
    waits = [sightline.RetryPolicy().wait_s(HINTED, attempt) for attempt in range(1, 6)]
    assert all(HINTED.retry_after_s <= wait <= 1.25 * HINTED.retry_after_s for wait in waits[:4])
    assert waits[4] is None


def test_message_too_large_is_not_sent_again(asking):
    generator = ScriptedGenerator([grpc.StatusCode.RESOURCE_EXHAUSTED])
    with serving(generator) as target, pytest.raises(sightline.InvalidRequestError) as caught:
        asking(target)
    assert caught.value.reason == "RESOURCE_EXHAUSTED"
    assert len(generator.requests) == 1


def test_own_limit_that_is_hinted_at_passes(asking):
    error = QueueFullError("Your limit.", retry_after_s=600.0)
    error.status = "RESOURCE_EXHAUSTED"
    with serving(ScriptedGenerator([error])) as target, pytest.raises(sightline.UnavailableError):
        asking(target)


@pytest.mark.parametrize(
    "status, expected",
    [
        (grpc.StatusCode.UNAUTHENTICATED, sightline.AccessError),
        (grpc.StatusCode.PERMISSION_DENIED, sightline.AccessError),
        (grpc.StatusCode.CANCELLED, sightline.CallCancelledError),
        (grpc.StatusCode.UNIMPLEMENTED, sightline.ServerError),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_a_proxy_says_comes_as_the_class_of_its_status(asking, status, expected):
    refusing = ScriptedGenerator([status])
    with serving(refusing) as target, pytest.raises(sightline.SightlineError) as caught:
        asking(target)
    assert type(caught.value) is expected
    assert caught.value.reason == status.name


@pytest.mark.parametrize("messages, text", [(0, ""), (3, "Red and ")])
def test_stream_without_its_end_is_an_error_and_keeps_its_text(asking, messages, text):
    short, answers = ScriptedGenerator(cut_after=messages), []
    with serving(short) as target, pytest.raises(sightline.AnswerCutOffError) as caught:
        asking(target, watch=answers.append)
    assert caught.value.reason == "ANSWER_CUT_OFF"
    assert answers[0].text == text


def test_answer_that_is_cut_off_is_not_asked_for_again(asking):
    generator = ScriptedGenerator(failure=NotReadyError("Stopping.", retry_after_s=0.1))
    with serving(generator) as target, pytest.raises(sightline.UnavailableError):
        asking(target)
    assert len(generator.requests) == 1


def test_leaving_a_loop_cancels():
    endless = ScriptedGenerator(endless=True)
    with serving(endless) as target, open_client(target) as client:
        answer = client.ask("What?")
        for _text in answer:
            break
        assert endless.departed.wait(HOLD_S)
        assert answer.complete is None


async def test_leaving_a_block_cancels_with_an_event_loop():
    endless = ScriptedGenerator(endless=True)
    with serving(endless) as target:
        async with open_async_client(target) as client:
            async with client.ask("What?") as answer:
                async for _text in answer:
                    break
            assert await asyncio.to_thread(endless.departed.wait, HOLD_S)


def test_cancelling_from_another_thread_ends_the_loop_quietly():
    endless = ScriptedGenerator(endless=True)
    with serving(endless) as target, open_client(target) as client:
        answer = client.ask("What?")
        cancelling = threading.Thread(target=answer.cancel)
        for text in answer:
            if text == WORDS[-1]:
                cancelling.start()
        cancelling.join(HOLD_S)
        assert answer.text.startswith(TEXT)
        assert answer.complete is None


async def test_cancelling_from_another_task_ends_the_loop_quietly():
    endless = ScriptedGenerator(endless=True)
    with serving(endless) as target:
        async with open_async_client(target) as client:
            answer = client.ask("What?")
            async for text in answer:
                if text == WORDS[-1]:
                    asyncio.get_running_loop().call_soon(answer.cancel)
            assert answer.text.startswith(TEXT)
            assert answer.complete is None


WAITS = {
    "queue": lambda: ScriptedGenerator(held="GenerateText"),
    "upload": lambda: ScriptedGenerator([bytes_required()], held="PutMedia"),
    "hint": lambda: ScriptedGenerator([QueueFullError("Full.", retry_after_s=HOLD_S)]),
}


@dataclass(frozen=True)
class SignallingPolicy(sightline.RetryPolicy):
    """Says when a wait begins."""

    begun: threading.Event = field(default_factory=threading.Event)

    def wait_s(self, error, attempt):
        self.begun.set()
        return super().wait_s(error, attempt)


@pytest.mark.parametrize("wait", WAITS)
def test_cancelling_from_another_thread_ends_every_wait(asking, wait):
    generator, cancelled_at = WAITS[wait](), []

    def cancel_once_it_waits(answer):
        generator.waiting.wait(HOLD_S)
        cancelled_at.append(time.monotonic())
        answer.cancel()

    def watch(answer):
        threading.Thread(target=cancel_once_it_waits, args=[answer]).start()

    settings = {"max_message_bytes": 64 * 1024, "retry": SignallingPolicy(begun=generator.waiting)}
    with serving(generator) as target:
        answer = asking(target, watch=watch, images=[PICTURE], settings=settings)
        assert time.monotonic() - cancelled_at[0] < HOLD_S / 2
    assert (answer.text, answer.started, answer.complete) == ("", None, None)
    assert len(generator.requests) == 1


def test_cancelling_before_the_question_is_sent_sends_nothing(asking):
    with serving(generator := ScriptedGenerator()) as target:
        answer = asking(target, watch=lambda answer: answer.cancel())
    assert (answer.text, generator.requests) == ("", [])


def test_closing_the_client_is_no_fault_of_the_server():
    with serving(ScriptedGenerator(endless=True)) as target:
        client = open_client(target)
        with pytest.raises(sightline.CallCancelledError):
            for _text in client.ask("What?"):
                client.close()


async def test_closing_the_client_is_no_fault_of_the_server_with_an_event_loop():
    with serving(ScriptedGenerator(endless=True)) as target:
        client = open_async_client(target)
        with pytest.raises(sightline.CallCancelledError):
            async for _text in client.ask("What?"):
                await client.close()


async def test_task_that_is_cancelled_stays_cancelled():
    with serving(generator := ScriptedGenerator(held="GenerateText")) as target:
        async with open_async_client(target) as client:
            reading = asyncio.create_task(client.ask("What?").read())
            await asyncio.to_thread(generator.waiting.wait, HOLD_S)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert await asyncio.to_thread(generator.departed.wait, HOLD_S)


def test_deadline_is_typed(asking):
    endless = ScriptedGenerator(endless=True)
    with serving(endless) as target, pytest.raises(sightline.DeadlineError):
        asking(target, timeout_s=0.3)


def test_options_reach_their_fields(asking):
    with serving(generator := ScriptedGenerator()) as target:
        asking(target, top_p=0.5, max_tokens=9, stop=["."], thinking=False, adapter="a")
    (request,) = generator.requests
    assert request.sampling.top_p == 0.5
    assert not request.sampling.HasField("temperature")
    assert (request.stop.max_token_count, request.stop.strings) == (9, ["."])
    assert request.HasField("thinking") and request.adapter == "a"


@pytest.mark.parametrize("option", [{"tempreature": 1}, {"stop": "."}], ids=["unknown", "stop"])
def test_wrong_options_are_refused_before_anything_is_sent(option):
    with open_client("127.0.0.1:9") as client, pytest.raises(TypeError):
        client.ask("What?", **option)


def test_tool_calls_grow_together():
    with serving(ScriptedGenerator()) as target:
        answer = ask(target)
    pieces = [
        {"call_index": 0, "id": "1", "name": "add", "arguments_json": '{"a"'},
        {"call_index": 0, "arguments_json": ": 2}"},
    ]
    for piece in pieces:
        answer._grow(generator_pb2.Delta(tool_calls=[piece]))
    (call,) = answer.tool_calls
    assert (call.id, call.name, call.arguments) == ("1", "add", {"a": 2})
    assert answer.messages[-1].tool_calls[0].arguments["a"] == 2


def test_tls_needs_the_authority(asking, tmp_path):
    authority = Authority(tmp_path)
    cert, key = authority.issue("server")
    pair = (Path(key).read_bytes(), Path(cert).read_bytes())
    with serving(ScriptedGenerator(), grpc.ssl_server_credentials([pair])) as target:
        assert asking(target, settings={"tls": sightline.Tls(ca=authority.file)}).text == TEXT
        with pytest.raises(sightline.UnavailableError):
            asking(target, settings={"retry": ONCE})


def test_tokens_are_counted_like_questions_are_asked():
    generator = ScriptedGenerator([bytes_required()])
    with serving(generator) as target, open_client(target) as client:
        assert client.count_tokens("What?", images=[PICTURE]).prompt_token_count == 7
    assert [only_media(request).data for request in generator.requests] == [b"", PICTURE]


@pytest.mark.suite
def test_running_suite_describes_its_model(suite):
    with open_client(suite.generator) as client:
        stored = client.put_media(sightline.Media.image("examples/shapes.png"))
        assert stored.digest.startswith("sha256:")
        assert client.model_info().model == "sightline-nano"
