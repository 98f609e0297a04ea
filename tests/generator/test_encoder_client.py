import asyncio
import dataclasses
from contextlib import asynccontextmanager

import pytest
import torch
from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    EncoderUnavailableError,
    MediaUnreadableError,
    ModelMismatchError,
    PayloadCorruptError,
    QueueFullError,
)
from sightline_common.tensors import tensor_spec
from sightline_generator import exchange
from sightline_generator.families.base import MediaKind, MediumGrid
from sightline_generator.media import BytesWantedError, Medium

from tests.generator.encoder_pools import pool_of
from tests.generator.scripted_encoder import (
    FINGERPRINT,
    ScriptedEncoder,
    feature_header,
    features,
    has_features,
    serving,
)

DATA = bytes(range(256)) * 12_000
MEDIUM = Medium(
    MediaKind.IMAGE,
    sha256_digest(DATA),
    DATA,
    media_pb2.MediaOptions(),
    "messages[0].parts[1].media",
)
BY_DIGEST = dataclasses.replace(MEDIUM, data=None)


@asynccontextmanager
async def connected(family, encoder, **options):
    """A pool of one encoder: how it asks is the client's business."""
    async with serving(encoder, **options) as server, pool_of(family, server.port) as pool:
        yield pool


@pytest.fixture
def family(tiny_ours):
    return tiny_ours.family


async def test_file_is_sent_once_and_features_come_back(family):
    encoder = ScriptedEncoder()
    async with connected(family, encoder) as client:
        first = await client.encode(MEDIUM)
        second = await client.encode(BY_DIGEST)
    assert encoder.uploads == [DATA]
    assert has_features(first)
    assert has_features(second)
    assert (first.num_tokens, first.grid) == (6, MediumGrid(1, 4, 6))
    assert (first.feature_key, first.source) == ("key", media_pb2.FEATURE_SOURCE_COMPUTED)


async def test_first_chunk_beside_the_header_is_the_first_of_all(family):
    encoder = ScriptedEncoder(chunk_bytes=300, joins=True)
    async with connected(family, encoder) as client:
        joined = await client.encode(MEDIUM)
        encoder.joins = False  # as encoders of earlier versions
        apart = await client.encode(MEDIUM)
    assert has_features(joined)
    assert has_features(apart)


class Lingering(ScriptedEncoder):
    """Ends no call before it is told to, although it has sent everything."""

    def __post_init__(self):
        super().__post_init__()
        self.leave, self.ends = asyncio.Event(), []

    async def EncodeMedia(self, request_iterator, context):
        try:
            async for response in super().EncodeMedia(request_iterator, context):
                yield response
            await self.leave.wait()
            self.ends.append("ended")
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            raise


async def ends_of(encoder, count):
    async with asyncio.timeout(10):
        while len(encoder.ends) < count:
            await asyncio.sleep(0.01)
    return encoder.ends


@pytest.mark.parametrize("header_only", [False, True])
async def test_what_is_complete_is_not_waited_for_and_ends_by_itself(family, header_only):
    encoder = Lingering(known={MEDIUM.digest})
    async with connected(family, encoder) as client:
        async with asyncio.timeout(10):
            encoded = await client.encode(MEDIUM, header_only=header_only)
            await client.encode(MEDIUM)  # behind which a cancellation would have arrived
        assert (encoded.num_tokens, encoder.ends) == (6, [])
        encoder.leave.set()
        assert await ends_of(encoder, 2) == ["ended", "ended"]


async def test_call_that_does_not_end_is_cancelled_in_the_end(family, monkeypatch):
    monkeypatch.setattr(exchange, "END_TIMEOUT_S", 0.0)
    encoder = Lingering(known={MEDIUM.digest})
    async with connected(family, encoder) as client:
        await client.encode(MEDIUM)
        assert await ends_of(encoder, 1) == ["cancelled"]


async def test_first_chunk_that_nobody_asked_for_is_refused(family):
    class Pushing(ScriptedEncoder):
        async def EncodeMedia(self, request_iterator, context):
            async for response in super().EncodeMedia(request_iterator, context):
                if response.WhichOneof("payload") == "header":
                    response.first_chunk = b"more"
                yield response

    async with connected(family, Pushing()) as client:
        with pytest.raises(PayloadCorruptError, match="More than 0"):
            await client.encode(MEDIUM, header_only=True)


async def test_header_says_what_is_expected(family):
    encoder = ScriptedEncoder()
    options = media_pb2.MediaOptions(max_pixel_count=1000)
    async with connected(family, encoder) as client:
        await client.encode(dataclasses.replace(MEDIUM, options=options))
    (header,) = encoder.headers
    assert (header.digest, header.byte_count) == (MEDIUM.digest, len(DATA))
    assert (header.options, header.checkpoint_fingerprint) == (options, FINGERPRINT)


async def test_header_alone_brings_no_features(family):
    async with connected(family, ScriptedEncoder()) as client:
        encoded = await client.encode(MEDIUM, header_only=True)
    assert (encoded.features, encoded.num_tokens) == (None, 6)


async def test_unknown_digest_without_bytes_says_so(family):
    encoder = ScriptedEncoder()
    async with connected(family, encoder) as client:
        with pytest.raises(BytesWantedError):
            await client.encode(BY_DIGEST)
    assert len(encoder.headers) == 1


async def test_payload_of_another_size_is_refused_before_it_is_read(family, monkeypatch):
    def never(*_arguments):
        raise AssertionError("a chunk was taken")

    monkeypatch.setattr("sightline_generator.feature_receiver.FeatureReceiver.add", never)
    encoder = ScriptedEncoder(answer=corrupt(payload_byte_count=10**12))
    async with connected(family, encoder) as client:
        with pytest.raises(PayloadCorruptError, match="stated size"):
            await client.encode(MEDIUM)


def corrupt(**changes):
    tensor = features()
    return lambda: (feature_header(tensor, **changes), tensor)


def other_tensor(tensor):
    return lambda: (feature_header(tensor), tensor)


CORRUPT = {
    "checksum": corrupt(payload_checksum="xxh3:" + "0" * 32),
    "unknown checksum": corrupt(payload_checksum="crc32c:00000000"),
    "digest": corrupt(payload_checksum="", payload_digest="sha256:" + "0" * 64),
    "too few bytes": corrupt(payload_byte_count=10**6),
    "too many bytes": corrupt(payload_byte_count=8),
    "grid": corrupt(token_count=7),
    "empty grid": corrupt(grid=media_pb2.Grid(), token_count=0),
    "no tensor": corrupt(tensors=[]),
    "name": corrupt(tensors=[tensor_spec("other", features())]),
    "width": other_tensor(torch.zeros(6, 32)),
    "rows": other_tensor(torch.zeros(5, 64)),
    "integers": other_tensor(torch.zeros(6, 64, dtype=torch.int32)),
    "not finite": other_tensor(torch.full((6, 64), torch.inf)),
}


@pytest.mark.parametrize("answer", CORRUPT.values(), ids=CORRUPT)
async def test_corrupt_answer_is_tried_twice_and_never_used(family, answer):
    encoder = ScriptedEncoder(answer=answer)
    async with connected(family, encoder) as client:
        with pytest.raises(PayloadCorruptError):
            await client.encode(MEDIUM)
    assert len(encoder.headers) == 2
    assert encoder.uploads == [DATA]


async def test_second_try_may_succeed(family):
    encoder = ScriptedEncoder()
    answers = iter([CORRUPT["digest"], encoder.default_answer])
    encoder.answer = lambda: next(answers)()
    async with connected(family, encoder) as client:
        assert has_features(await client.encode(MEDIUM))


async def test_another_checkpoints_features_are_refused_at_once(family):
    encoder = ScriptedEncoder(answer=corrupt(checkpoint_fingerprint="sha256:other"))
    async with connected(family, encoder) as client:
        with pytest.raises(ModelMismatchError):
            await client.encode(MEDIUM)
    assert len(encoder.headers) == 1


def raising(error):
    def answer():
        raise error

    return answer


async def test_refused_medium_names_the_requests_field(family):
    error = MediaUnreadableError("cut off", field="header.options.tiling", metadata={"a": "b"})
    encoder = ScriptedEncoder(answer=raising(error))
    async with connected(family, encoder) as client:
        with pytest.raises(MediaUnreadableError) as caught:
            await client.encode(MEDIUM)
    assert caught.value.field == "messages[0].parts[1].media.options.tiling"
    assert caught.value.metadata == {"a": "b"}
    assert len(encoder.headers) == 1


async def test_full_encoder_keeps_its_retry_hint(family):
    error = QueueFullError("full", retry_after_s=3.0)
    async with connected(family, ScriptedEncoder(answer=raising(error))) as client:
        with pytest.raises(QueueFullError) as caught:
            await client.encode(MEDIUM)
    assert caught.value.retry_after_s == 3.0


async def test_loading_encoder_is_unavailable(family):
    async with connected(family, ScriptedEncoder(), ready=False) as client:
        with pytest.raises(EncoderUnavailableError) as caught:
            await client.encode(MEDIUM)
    assert caught.value.retry_after_s


async def test_absent_encoder_is_unavailable(family):
    async with pool_of(family, 1) as pool:
        with pytest.raises(EncoderUnavailableError):
            await pool.encode(MEDIUM)


async def test_silent_encoder_is_unavailable_when_the_time_is_over(family):
    encoder = ScriptedEncoder()
    encoder.release.clear()
    async with serving(encoder) as server, pool_of(family, server.port, timeout_s=0.5) as pool:
        with pytest.raises(EncoderUnavailableError, match="too long"):
            await pool.encode(MEDIUM)
