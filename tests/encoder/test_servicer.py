from __future__ import annotations

import asyncio
import hashlib

import grpc
import numpy as np
import pytest
import torch
from grpc import aio
from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2, tensor_pb2
from sightline_common.channel import CHUNK_BYTES, MAX_CHUNK_BYTES
from sightline_common.checkpoint import Checkpoint
from sightline_common.digest import sha256_digest
from sightline_encoder.image import MediaLimits

from tests.encoder import tiny
from tests.encoder.tiny import (
    ask,
    encoded,
    forward_count,
    media_header,
    messages,
    noise,
    refusal,
    send,
    split,
)

PICTURE = encoded(noise(120, 90))


async def test_first_asking_wants_bytes_and_streams_described_features(served):
    received = await ask(served.stub, PICTURE)

    header = received.header
    assert received.bytes_wanted
    assert header.source == media_pb2.FEATURE_SOURCE_COMPUTED
    assert (header.width, header.height) == (120, 90)
    assert (header.grid.time_count, header.grid.height_count, header.grid.width_count) == (1, 6, 8)
    assert header.token_count == 12
    assert list(header.tensors[0].shape) == [12, 64]
    assert header.tensors[0].name == "features"
    assert header.tensors[0].data_type == tensor_pb2.DATA_TYPE_FLOAT32
    assert header.payload_byte_count == len(received.payload) == 12 * 64 * 4
    assert header.payload_digest == sha256_digest(received.payload)


async def test_streamed_features_are_those_of_the_tower(served, tiny_model):
    received = await ask(served.stub, PICTURE)

    preprocessor = tiny_model.preprocessor
    image = preprocessor.prepare(PICTURE, preprocessor.pixel_budget())
    expected = tiny_model.tower.encode([image])[0]
    features = torch.frombuffer(bytearray(received.payload), dtype=torch.float32)
    torch.testing.assert_close(features.view(12, 64), expected)


async def test_same_picture_twice_runs_the_tower_once(served):
    first = await ask(served.stub, PICTURE)
    second = await ask(served.stub, PICTURE)

    assert not second.bytes_wanted
    assert second.header.source == media_pb2.FEATURE_SOURCE_MEMORY
    assert second.payload == first.payload
    assert second.header.feature_key == first.header.feature_key
    assert await forward_count(served) == 1


async def test_twenty_askers_at_once_share_one_forward_pass(served):
    answers = await asyncio.gather(*(ask(served.stub, PICTURE) for _ in range(20)))

    assert len({answer.payload for answer in answers}) == 1
    assert await forward_count(served) == 1


async def test_chunks_sent_without_being_asked_are_taken_when_they_are_needed(served):
    received = await send(served.stub, messages(media_header(PICTURE), split(PICTURE)))

    assert received.bytes_wanted
    assert received.header.payload_digest == sha256_digest(received.payload)


async def test_header_only_sends_no_chunks(served):
    received = await ask(served.stub, PICTURE, header_only=True)

    assert received.payload == b""
    assert received.header.payload_byte_count > 0


async def test_unknown_size_is_accepted(served):
    received = await ask(served.stub, PICTURE, byte_count=0)

    assert received.header.token_count == 12


async def test_large_features_come_in_chunks_that_are_bounded(tiny_model):
    picture = encoded(noise(1024, 1024))
    options = media_pb2.MediaOptions(max_pixel_count=1024 * 1024)
    async with tiny.running_encoder(tiny_model) as served:
        stub = served.stub
        await ask(stub, picture, options=options, header_only=True)
        header = encoder_pb2.EncodeMediaRequest(header=media_header(picture, options=options))
        sizes = [len(r.chunk) async for r in stub.EncodeMedia(iter([header])) if r.chunk]

    assert sum(sizes) == 36 * 36 * 64 * 4
    assert max(sizes) <= CHUNK_BYTES


async def answered(stub, picture, **fields):
    """Returns the header's message and the chunks behind it, asking for nothing but an answer."""
    header = encoder_pb2.EncodeMediaRequest(header=media_header(picture, **fields))
    head, *others = [response async for response in stub.EncodeMedia(iter([header]))]
    assert all(other.WhichOneof("payload") == "chunk" for other in others)
    return head, [other.chunk for other in others]


async def test_who_takes_the_first_chunk_gets_it_beside_the_header_and_others_do_not(tiny_model):
    picture = encoded(noise(1024, 1024))
    options = media_pb2.MediaOptions(max_pixel_count=1024 * 1024)
    async with tiny.running_encoder(tiny_model) as served:
        payload = (await ask(served.stub, picture, options=options)).payload
        before, chunks = await answered(served.stub, picture, options=options)
        joined = [
            await answered(served.stub, picture, options=options, takes_first_chunk=True)
            for _ in range(2)
        ]
        after, chunks_again = await answered(served.stub, picture, options=options)
        (held,) = [slot.entry for slot in served.encoder.cache._slots.values()]

    assert b"".join(chunks) == payload
    assert (before, chunks) == (after, chunks_again)
    assert not before.first_chunk
    for head, others in joined:
        assert head.header == before.header
        assert [head.first_chunk, *others] == chunks
    assert sum(map(len, held.payload.messages)) < len(payload) + 2048


async def test_first_chunk_of_a_new_picture_comes_with_its_header_too(served):
    header = media_header(PICTURE, takes_first_chunk=True)
    asked = messages(header, split(PICTURE))
    wanted, head = [response async for response in served.stub.EncodeMedia(iter(asked))]

    assert wanted.WhichOneof("payload") == "bytes_wanted"
    assert head.header.source == media_pb2.FEATURE_SOURCE_COMPUTED
    assert head.header.HasField("encode_time")
    assert head.header.finite
    assert sha256_digest(head.first_chunk) == head.header.payload_digest


@pytest.mark.parametrize(
    "requests",
    [
        [],
        messages(None, [b"x"]),
        [encoder_pb2.EncodeMediaRequest()],
        messages(media_header(PICTURE), []) * 2,
        [*messages(media_header(PICTURE), split(PICTURE)), encoder_pb2.EncodeMediaRequest()],
    ],
    ids=["nothing", "chunk first", "empty message", "two headers", "empty message after chunks"],
)
async def test_wrong_order_is_refused(served, requests):
    code, error = await refusal(send(served.stub, requests))

    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert error.reason == "STREAM_ORDER_INVALID"


@pytest.mark.parametrize(
    "sent", [PICTURE[:-1], PICTURE + b"x", PICTURE[:-1] + b"x"], ids=["short", "long", "other"]
)
async def test_other_bytes_than_announced_are_refused(served, sent):
    code, error = await refusal(send(served.stub, messages(media_header(PICTURE), split(sent))))

    assert (code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MEDIA_DIGEST_MISMATCH")


async def test_digest_alone_on_a_miss_requires_bytes(served):
    code, error = await refusal(send(served.stub, messages(media_header(PICTURE), [])))

    assert (code, error.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "MEDIA_BYTES_REQUIRED",
    )
    assert error.metadata["digests"] == sha256_digest(PICTURE)


async def test_empty_file_is_refused_as_empty(served):
    _, error = await refusal(send(served.stub, messages(media_header(b""), [])))

    assert error.reason == "MEDIA_EMPTY"


async def test_header_over_the_size_limit_is_refused_before_bytes_are_wanted(served):
    header = media_header(PICTURE, byte_count=20 * 1024**2 + 1)

    _, error = await refusal(send(served.stub, messages(header, [])))

    assert error.reason == "MEDIA_TOO_LARGE"


async def test_bytes_over_the_size_limit_are_refused_while_they_come(tiny_folder):
    model = tiny.load_tiny(Checkpoint(tiny_folder), MediaLimits(max_file_bytes=10_000))
    async with tiny.running_encoder(model) as served:
        call = served.stub.EncodeMedia()
        for message in messages(media_header(PICTURE, byte_count=0), split(PICTURE)[:3]):
            await call.write(message)

        _, error = await refusal(tiny.read_all(call))

    assert error.reason == "MEDIA_TOO_LARGE"


async def test_chunk_over_one_mebibyte_is_refused(served):
    requests = messages(media_header(PICTURE, byte_count=0), [bytes(MAX_CHUNK_BYTES + 1)])

    _, error = await refusal(send(served.stub, requests))

    assert (error.reason, error.field) == ("REQUEST_FIELD_INVALID", "chunk")


async def test_corrupt_picture_is_refused_and_the_next_good_one_works(served):
    corrupt = PICTURE[: len(PICTURE) // 2]

    code, error = await refusal(ask(served.stub, corrupt))
    good = await ask(served.stub, PICTURE)

    assert (code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MEDIA_UNREADABLE")
    assert good.header.token_count == 12


async def test_refused_picture_is_refused_again(served):
    for _ in range(2):
        _, error = await refusal(ask(served.stub, b"<svg/>"))
        assert error.reason == "MEDIA_FORMAT_UNSUPPORTED"


async def test_other_checkpoint_is_a_mismatch(served):
    code, error = await refusal(
        ask(served.stub, PICTURE, checkpoint_fingerprint=sha256_digest(b"other"))
    )

    assert (code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "MODEL_MISMATCH")


async def test_own_checkpoint_is_accepted(served, tiny_model):
    fingerprint = tiny_model.checkpoint.fingerprint

    received = await ask(served.stub, PICTURE, checkpoint_fingerprint=fingerprint)

    assert received.header.checkpoint_fingerprint == fingerprint


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"digest": "sha256:xyz"}, "REQUEST_FIELD_INVALID", "header.digest"),
        ({"byte_count": -1}, "REQUEST_FIELD_INVALID", "header.byte_count"),
        ({"salt": "s" * 257}, "REQUEST_FIELD_INVALID", "header.salt"),
        ({"kind": media_pb2.MEDIA_KIND_VIDEO}, "PARAMETER_UNSUPPORTED", "header.kind"),
        ({"kind": 9}, "REQUEST_FIELD_INVALID", "header.kind"),
        (
            {"options": media_pb2.MediaOptions(tiling=9)},
            "REQUEST_FIELD_INVALID",
            "header.options.tiling",
        ),
        (
            {"options": media_pb2.MediaOptions(max_pixel_count=783)},
            "REQUEST_FIELD_INVALID",
            "header.options.max_pixel_count",
        ),
        (
            {"options": media_pb2.MediaOptions(min_pixel_count=0)},
            "REQUEST_FIELD_INVALID",
            "header.options.min_pixel_count",
        ),
    ],
)
async def test_impossible_header_is_refused_by_field(served, fields, reason, field):
    code, error = await refusal(ask(served.stub, PICTURE, **fields))

    assert (code, error.reason, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, reason, field)


async def test_equivalent_options_share_features(served):
    first = await ask(served.stub, PICTURE)
    explicit = media_pb2.MediaOptions(
        min_pixel_count=56 * 56,
        max_pixel_count=336 * 336,
        tiling=media_pb2.TILING_WHOLE,
        frame_rate=1.0,
    )

    second = await ask(served.stub, PICTURE, options=explicit, kind=media_pb2.MEDIA_KIND_IMAGE)

    assert second.header.feature_key == first.header.feature_key
    assert second.header.source == media_pb2.FEATURE_SOURCE_MEMORY


async def test_salts_and_budgets_do_not_share_features(served):
    small = media_pb2.MediaOptions(max_pixel_count=56 * 56)
    answers = [
        await ask(served.stub, PICTURE),
        await ask(served.stub, PICTURE, salt="tenant"),
        await ask(served.stub, PICTURE, options=small),
    ]

    assert len({answer.header.feature_key for answer in answers}) == 3
    assert all(answer.bytes_wanted for answer in answers)
    assert await forward_count(served) == 3


async def test_statistics_count_answers_by_source_and_time_saved(served):
    for _ in range(3):
        await ask(served.stub, PICTURE)

    statistics = await served.stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest())

    counts = {count.source: count.answer_count for count in statistics.source_counts}
    assert counts == {media_pb2.FEATURE_SOURCE_COMPUTED: 1, media_pb2.FEATURE_SOURCE_MEMORY: 2}
    assert (statistics.entry_count, statistics.byte_count) == (1, 12 * 64 * 4)
    assert (statistics.computed_count, statistics.forward_count) == (1, 1)
    assert statistics.saved_time.ToNanoseconds() > 0


async def test_evicted_features_are_computed_again(served):
    first = await ask(served.stub, PICTURE)
    other = await ask(served.stub, encoded(noise(50, 50)))

    evicted = await served.stub.EvictFeatures(
        encoder_pb2.EvictFeaturesRequest(feature_keys=[first.header.feature_key, "unknown"])
    )
    rest = await served.stub.EvictFeatures(encoder_pb2.EvictFeaturesRequest())
    again = await ask(served.stub, PICTURE)

    assert (evicted.evicted_count, rest.evicted_count) == (1, 1)
    assert again.bytes_wanted
    assert again.payload == first.payload
    assert other.header.feature_key != first.header.feature_key


async def test_model_info_describes_what_is_served(served, tiny_model):
    info = await served.stub.GetModelInfo(encoder_pb2.GetModelInfoRequest())

    assert info.checkpoint_fingerprint == tiny_model.checkpoint.fingerprint
    assert info.feature_fingerprint == served.encoder.fingerprint
    assert (info.architecture, info.device) == ("glm4v", "cpu")
    assert (info.hidden_size, info.patch_size, info.merge_size) == (64, 14, 2)
    assert set(info.mime_types) == {"image/png", "image/jpeg", "image/webp", "image/gif"}
    assert info.max_pixel_count == 40_000_000


async def test_nothing_of_the_decoder_leaks_into_a_refusal(served):
    broken = bytearray(PICTURE)
    broken[len(broken) // 2] ^= 0xFF
    data = bytes(broken)

    with pytest.raises(aio.AioRpcError) as caught:
        await ask(served.stub, data)

    text = f"{caught.value.details()} {caught.value.trailing_metadata()}"
    assert not any(word in text for word in ("0x7", "PIL", "site-packages", "Traceback", "Error("))
    assert hashlib.sha256(data).hexdigest() not in text


async def test_pixels_and_not_names_decide(served):
    same_pixels = encoded(noise(120, 90), compress_level=1)

    first = await ask(served.stub, PICTURE)
    second = await ask(served.stub, same_pixels)

    assert first.header.feature_key != second.header.feature_key
    assert np.array_equal(np.frombuffer(first.payload), np.frombuffer(second.payload))
