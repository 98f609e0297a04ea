"""Videos through the whole generator, beside a scripted encoder."""

import json
import shutil

import grpc
import pytest
from grpc import aio
from sightline.generator.v1 import generator_pb2 as pb
from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    MediaBytesRequiredError,
    ParameterUnsupportedError,
    PayloadCorruptError,
)
from sightline_common.status import error_from_rpc

from tests.generator.running_generator import KV_BYTES, running_generator
from tests.generator.scripted_encoder import feature_header, features

VIDEO = media_pb2.MEDIA_KIND_VIDEO
FILM = b"a video's bytes"
GROUPS, ROWS, COLUMNS = 5, 3, 4
TIMES = [0.0, 0.5, 1.0, 1.5, 2.0]
SETTINGS = {"dtype": "float64", "kv_cache_bytes": 2 * KV_BYTES, "media_store_bytes": 48 * 2**20}


def film_features(encoder, header):
    tensor = features(GROUPS * ROWS, COLUMNS, seed=sum(header.digest.encode()))
    grid = media_pb2.Grid(time_count=GROUPS, height_count=2 * ROWS, width_count=2 * COLUMNS)
    described = feature_header(
        tensor,
        feature_key=header.digest,
        checkpoint_fingerprint=encoder.fingerprint,
        grid=grid,
        token_count=len(tensor),
        frame_timestamps=TIMES,
    )
    return described, tensor


@pytest.fixture(scope="module")
def video_folder(tiny_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("video") / "tiny"
    shutil.copytree(tiny_folder, folder)
    settings = {"video_processor_type": "Glm46VVideoProcessor"}
    (folder / "video_preprocessor_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
async def generator(video_folder):
    async with running_generator(video_folder, **SETTINGS) as running:
        running.encoder.answer_header = lambda header: film_features(running.encoder, header)
        yield running
        await running.until_idle()


def film(data=FILM, digest=""):
    return pb.Part(media=pb.Media(kind=VIDEO, data=data, digest=digest))


def request(*parts, **fields):
    given = [pb.Part(text=part) if isinstance(part, str) else part for part in parts]
    stop = pb.StopOptions(max_token_count=12, end_ignored=True)
    message = pb.Message(role=pb.ROLE_USER, parts=given)
    return pb.GenerateTextRequest(messages=[message], stop=stop, token_ids_wanted=True, **fields)


async def answer(generator, asked):
    """Returns started, the token ids, and usage."""
    responses = [response async for response in generator.stub.GenerateText(asked)]
    ids = [token for response in responses for token in response.delta.token_ids]
    return responses[0].started, ids, responses[-1].complete.usage


async def refusal(call):
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return error_from_rpc(caught.value) or caught.value.code()


async def test_a_video_is_counted_and_reported_once(generator):
    asked = request(film(), "What happens?")
    started, _ids, usage = await answer(generator, asked)
    count = await generator.stub.CountTokens(pb.CountTokensRequest(messages=asked.messages))
    assert count.prompt_token_count == started.prompt_token_count == usage.prompt_token_count
    num_tokens = GROUPS * ROWS * COLUMNS
    assert started.video_token_count == usage.video_token_count == num_tokens
    assert count.video_token_count == num_tokens
    assert started.image_token_count == usage.image_token_count == count.image_token_count == 0
    (report,) = started.media
    assert (report.token_count, report.grid.time_count) == (num_tokens, GROUPS)


async def test_another_question_about_a_video_asks_the_encoder_nothing(generator, video_folder):
    await answer(generator, request(film(), "What happens in it, and where?"))
    assert len(generator.encoder.headers) == 1
    other = request(film(b"", sha256_digest(FILM)), "How often does it happen, please?")
    started, ids, _usage = await answer(generator, other)
    assert len(generator.encoder.headers) == 1
    assert started.cached_token_count > GROUPS * ROWS * COLUMNS
    assert started.media[0].source == media_pb2.FEATURE_SOURCE_PREFIX_CACHE
    async with running_generator(video_folder, prefix_cache=False, **SETTINGS) as fresh:
        fresh.encoder.answer_header = lambda header: film_features(fresh.encoder, header)
        other.messages[0].parts[0].media.data = FILM
        assert (await answer(fresh, other))[1] == ids


async def test_a_video_larger_than_a_message_is_stored_and_asked_about(generator):
    data = b"0123456789abcdef" * (36 * 2**16)
    assert await refusal(generator.stub.GenerateText(request(film(data), "?")).read()) is (
        grpc.StatusCode.RESOURCE_EXHAUSTED
    )
    stored = await generator.stub.PutMedia(put(data))
    assert stored.digest == sha256_digest(data)
    await answer(generator, request(film(b"", stored.digest), "What happens?"))
    assert generator.encoder.uploads == [data]


def put(data):
    header = pb.PutMediaHeader(byte_count=len(data), kind=VIDEO)
    yield pb.PutMediaRequest(header=header)
    for start in range(0, len(data), 2**20):
        yield pb.PutMediaRequest(chunk=data[start : start + 2**20])


async def test_a_video_that_is_nowhere_is_asked_for_by_digest(generator):
    missing = sha256_digest(b"never sent")
    error = await refusal(generator.stub.GenerateText(request(film(b"", missing), "?")).read())
    assert isinstance(error, MediaBytesRequiredError)
    assert error.metadata["digests"] == missing


async def test_a_video_and_a_picture_of_the_same_bytes_are_two_media(generator):
    await answer(generator, request(film(), "What?"))
    as_picture = pb.Part(media=pb.Media(data=FILM))
    error = await refusal(generator.stub.GenerateText(request(as_picture, "?")).read())
    assert [header.kind for header in generator.encoder.headers][:2] == [
        VIDEO,
        media_pb2.MEDIA_KIND_IMAGE,
    ]
    # This encoder says that it is a video after all, and is not believed.
    assert isinstance(error, PayloadCorruptError)


@pytest.mark.parametrize("times", [[], TIMES[:-1], [*TIMES[:-1], float("nan")], [-1.0] * 5])
async def test_times_that_cannot_be_are_not_believed(generator, times):
    def lying(header):
        described, tensor = film_features(generator.encoder, header)
        described.ClearField("frame_timestamps")
        described.frame_timestamps.extend(times)
        return described, tensor

    generator.encoder.answer_header = lying
    error = await refusal(generator.stub.GenerateText(request(film(), "?")).read())
    assert isinstance(error, PayloadCorruptError)


async def test_what_is_served_says_so(generator):
    info = await generator.stub.GetModelInfo(pb.GetModelInfoRequest())
    assert VIDEO in info.media_kinds


async def test_a_model_without_a_video_processor_refuses_them(tiny_folder):
    async with running_generator(tiny_folder, **SETTINGS) as plain:
        error = await refusal(plain.stub.GenerateText(request(film(), "?")).read())
        assert isinstance(error, ParameterUnsupportedError)
        assert error.field == "messages[0].parts[0].media.kind"
        error = await refusal(plain.stub.PutMedia(put(FILM)))
        assert isinstance(error, ParameterUnsupportedError)
