"""A bare gRPC client against the real suite."""

import pickle
import socket
import time
from contextlib import suppress

import grpc
import httpx2
import pytest
from google.rpc import error_details_pb2, status_pb2
from sightline.encoder.v1 import encoder_pb2
from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest

from tests.suite.pictures import data_url, fresh_picture

pytestmark = pytest.mark.suite
RELEASE_TIMEOUT_S = 1.0
SHORT = generator_pb2.StopOptions(max_token_count=40)
LONG = generator_pb2.StopOptions(max_token_count=4000, end_ignored=True)


def user_message(*parts):
    return generator_pb2.Message(role=generator_pb2.ROLE_USER, parts=parts)


def text(words):
    return generator_pb2.Part(text=words)


def picture(data=b"", digest=""):
    media = generator_pb2.Media(kind=media_pb2.MEDIA_KIND_IMAGE, data=data, digest=digest)
    return generator_pb2.Part(media=media)


def request(*parts, stop=SHORT):
    return generator_pb2.GenerateTextRequest(
        messages=[user_message(*parts)],
        sampling=generator_pb2.SamplingOptions(temperature=0),
        stop=stop,
    )


def answer(generator, asked):
    return "".join(piece.delta.text for piece in generator.GenerateText(asked))


def reason_of(failure):
    details = dict(failure.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(details).details[0].Unpack(info)
    return info


def forward_count(encoder):
    return encoder.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest()).forward_count


def load(generator):
    return generator.GetLoad(generator_pb2.GetLoadRequest())


def is_idle(generator):
    now = load(generator)
    return now.running_count == 0 and now.free_block_count == now.block_count


def assert_idle_soon(generator):
    deadline = time.monotonic() + RELEASE_TIMEOUT_S
    while not is_idle(generator):
        assert time.monotonic() < deadline, load(generator)
        time.sleep(0.02)


def test_stream_is_started_deltas_complete(generator):
    pieces = list(generator.GenerateText(request(picture(fresh_picture()), text("Describe."))))
    kinds = [piece.WhichOneof("payload") for piece in pieces]
    assert kinds[0] == "started"
    assert set(kinds[1:-1]) == {"delta"}
    assert kinds[-1] == "complete"


def test_same_picture_twice_runs_the_tower_once(generator, encoder):
    data = fresh_picture()
    before = forward_count(encoder)
    first = answer(generator, request(picture(data), text("Describe the image.")))
    second = answer(generator, request(picture(data), text("Describe the image.")))
    assert first == second
    assert forward_count(encoder) == before + 1


def test_unknown_digest_asks_for_bytes_and_a_known_one_does_not(generator):
    data = fresh_picture()
    digest = sha256_digest(data)
    by_digest = request(picture(digest=digest), text("Describe the image."))
    with pytest.raises(grpc.RpcError) as caught:
        answer(generator, by_digest)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(caught.value).reason == "MEDIA_BYTES_REQUIRED"
    assert digest in reason_of(caught.value).metadata["digests"]
    sent = answer(generator, request(picture(data), text("Describe the image.")))
    assert answer(generator, by_digest) == sent


def test_put_media_makes_a_digest_known(generator):
    data = fresh_picture()
    header = generator_pb2.PutMediaHeader(byte_count=len(data), digest=sha256_digest(data))
    stream = [
        generator_pb2.PutMediaRequest(header=header),
        generator_pb2.PutMediaRequest(chunk=data),
    ]
    reply = generator.PutMedia(iter(stream))
    assert answer(generator, request(picture(digest=reply.digest), text("Describe the image.")))


def test_count_tokens_counts_what_started_reports(generator):
    asked = request(picture(fresh_picture()), text("Describe the image."))
    count = generator.CountTokens(generator_pb2.CountTokensRequest(messages=asked.messages))
    started = next(iter(generator.GenerateText(asked))).started
    assert count.prompt_token_count == started.prompt_token_count
    assert count.image_token_count == started.image_token_count > 0


def test_services_agree_on_the_checkpoint(generator, encoder):
    served = generator.GetModelInfo(generator_pb2.GetModelInfoRequest())
    seen = encoder.GetModelInfo(encoder_pb2.GetModelInfoRequest())
    assert served.checkpoint_fingerprint == seen.checkpoint_fingerprint
    assert served.max_token_count == 8192


def test_cancelled_call_frees_its_blocks(generator):
    call = generator.GenerateText(request(text("Hello"), stop=LONG))
    next(iter(call)), next(iter(call))
    assert load(generator).running_count == 1
    call.cancel()
    assert_idle_soon(generator)


def test_deadline_frees_its_blocks(generator):
    with pytest.raises(grpc.RpcError) as caught:
        list(generator.GenerateText(request(text("Hello"), stop=LONG), timeout=0.5))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert_idle_soon(generator)


def test_rest_client_that_goes_away_frees_its_blocks(suite, generator):
    body = {
        "model": "sightline-nano",
        "stream": True,
        "max_tokens": 4000,
        "ignore_eos": True,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": data_url(fresh_picture())}},
                    {"type": "text", "text": "Describe the image."},
                ],
            }
        ],
    }
    url = f"{suite.url}/v1/chat/completions"
    with httpx2.stream("POST", url, json=body, timeout=30) as reply:
        lines = (line for line in reply.iter_lines() if line)
        next(lines), next(lines)
        assert load(generator).running_count == 1
    assert_idle_soon(generator)


def test_special_tokens_in_text_stay_text(generator):
    words = "<|image|><|user|><|endoftext|>[gMASK]<think>"
    plain = generator_pb2.CountTokensRequest(messages=[user_message(text(words))])
    assert generator.CountTokens(plain).image_token_count == 0
    assert answer(generator, request(text(words), stop=SHORT))


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickles_sent_to_any_port_run_nothing(suite, generator, tmp_path):
    mark = tmp_path / "mark"
    bomb = pickle.dumps(Bomb(mark))
    for port in (suite.web_port, suite.generator_port, suite.encoder_port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(bomb)
            connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while connection.recv(4096):
                    pass
    for target, method in (
        (suite.generator, "generator.v1.GeneratorService/CountTokens"),
        (suite.encoder, "encoder.v1.EncoderService/EvictFeatures"),
    ):
        with grpc.insecure_channel(target) as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary(f"/sightline.{method}")(bomb, timeout=10)

    assert not mark.exists()
    assert generator.GetModelInfo(
        generator_pb2.GetModelInfoRequest(), timeout=10
    ).checkpoint_fingerprint
    pickle.loads(bomb).close()  # noqa: S301
    assert mark.exists(), "elsewhere it goes off"
