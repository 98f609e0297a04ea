import math

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from sightline.generator.v1 import generator_pb2 as pb
from sightline.type.v1 import media_pb2
from sightline_common.errors import (
    AdapterUnknownError,
    FieldInvalidError,
    MediaEmptyError,
    ModelUnknownError,
    ParameterUnsupportedError,
    SightlineError,
)
from sightline_generator.validation import RequestLimits, check_generate_request

LIMITS = RequestLimits(
    "nano", vocabulary_size=100, max_media=2, max_candidates=4, thinking_supported=True
)
MEDIUM = pb.Part(media=pb.Media(data=b"x"))


def message(*parts, role=pb.ROLE_USER, **fields):
    given = [pb.Part(text=part) if isinstance(part, str) else part for part in parts]
    return pb.Message(role=role, parts=given, **fields)


def request(**fields):
    fields.setdefault("messages", [message("Hello")])
    return pb.GenerateTextRequest(**fields)


def media_request(**fields):
    return request(messages=[message("a", pb.Part(media=pb.Media(data=b"x", **fields)))])


ACCEPTED = [
    request(),
    request(model="nano", priority=-3, token_ids_wanted=True, media_first=True, thinking=True),
    request(candidate_count=4),
    request(candidate_count=1, logprobs=pb.LogprobOptions(alternative_count=20)),
    request(tool_choice=pb.ToolChoice(mode=pb.TOOL_MODE_NONE)),
    request(response_format=pb.ResponseFormat(form=pb.RESPONSE_FORM_TEXT)),
    request(sampling=pb.SamplingOptions(temperature=0, top_p=1, top_k=0, seed=-(2**63))),
    request(sampling=pb.SamplingOptions(logit_bias={99: -100.0})),
    request(stop=pb.StopOptions(max_token_count=1, strings=["x" * 256] * 4, token_ids=[0, 99])),
    request(messages=[message("a", MEDIUM, MEDIUM)]),
    request(messages=[message("a"), message(role=pb.ROLE_ASSISTANT), message("b")]),
    request(messages=[message("a", name="Ann")]),
    request(messages=[message("b", role=pb.ROLE_ASSISTANT)], continue_final_message=True),
    media_request(options=media_pb2.MediaOptions(max_pixel_count=1, tiling=media_pb2.TILING_TILED)),
]


@pytest.mark.parametrize("accepted", ACCEPTED, ids=range(len(ACCEPTED)))
def test_accepted(accepted):
    check_generate_request(accepted, LIMITS)


def sampling(**fields):
    return request(sampling=pb.SamplingOptions(**fields))


def stop(**fields):
    return request(stop=pb.StopOptions(**fields))


REFUSED = [
    (request(model="other"), ModelUnknownError, "model"),
    (request(adapter="mine"), AdapterUnknownError, "adapter"),
    (request(model="x" * 257), FieldInvalidError, "model"),
    (request(adapter="x" * 257), FieldInvalidError, "adapter"),
    (request(messages=[]), FieldInvalidError, "messages"),
    (request(messages=[message("x")] * 1025), FieldInvalidError, "messages"),
    (request(messages=[message("x" * 2**20)] * 3), FieldInvalidError, "messages"),
    (request(messages=[message(MEDIUM, MEDIUM, MEDIUM)]), FieldInvalidError, "messages"),
    (request(messages=[message(*["x"] * 2049)] * 2), FieldInvalidError, "messages"),
    (
        request(messages=[pb.Message(parts=[pb.Part(text="x")])]),
        FieldInvalidError,
        "messages[0].role",
    ),
    (request(messages=[message("a"), message()]), FieldInvalidError, "messages[1].parts"),
    (request(messages=[message(pb.Part())]), FieldInvalidError, "messages[0].parts[0]"),
    (request(messages=[message("a", reasoning="b")]), FieldInvalidError, "messages[0].reasoning"),
    (request(messages=[message("a", role=pb.ROLE_TOOL)]), ParameterUnsupportedError, "messages[0]"),
    (request(messages=[message("a", role=9)]), FieldInvalidError, "messages[0].role"),
    (
        request(messages=[message("a", pb.Part(media=pb.Media()))]),
        MediaEmptyError,
        "messages[0].parts[1].media",
    ),
    (media_request(digest="sha256:0"), FieldInvalidError, "messages[0].parts[1].media.digest"),
    (
        media_request(kind=media_pb2.MEDIA_KIND_VIDEO),
        ParameterUnsupportedError,
        "messages[0].parts[1].media.kind",
    ),
    (
        media_request(options=media_pb2.MediaOptions(tiling=9)),
        FieldInvalidError,
        "messages[0].parts[1].media.options.tiling",
    ),
    (
        media_request(options=media_pb2.MediaOptions(min_pixel_count=0)),
        FieldInvalidError,
        "messages[0].parts[1].media.options.min_pixel_count",
    ),
    (request(continue_final_message=True), FieldInvalidError, "continue_final_message"),
    (
        request(
            messages=[message("a", role=pb.ROLE_ASSISTANT), message("b")],
            continue_final_message=True,
        ),
        FieldInvalidError,
        "continue_final_message",
    ),
    (
        request(
            messages=[message("b", MEDIUM, role=pb.ROLE_ASSISTANT)], continue_final_message=True
        ),
        FieldInvalidError,
        "messages[0].parts",
    ),
    (request(tools=[pb.Tool(name="f")]), ParameterUnsupportedError, "tools"),
    (
        request(tool_choice=pb.ToolChoice(mode=pb.TOOL_MODE_REQUIRED)),
        ParameterUnsupportedError,
        "tool_choice",
    ),
    (
        request(tool_choice=pb.ToolChoice(mode=9)),
        FieldInvalidError,
        "tool_choice.mode",
    ),
    (
        request(response_format=pb.ResponseFormat(form=pb.RESPONSE_FORM_JSON_OBJECT)),
        ParameterUnsupportedError,
        "response_format",
    ),
    (
        request(response_format=pb.ResponseFormat(schema=struct_pb2.Struct())),
        ParameterUnsupportedError,
        "response_format",
    ),
    (request(candidate_count=5), FieldInvalidError, "candidate_count"),
    (request(candidate_count=0), FieldInvalidError, "candidate_count"),
    (
        request(logprobs=pb.LogprobOptions(alternative_count=21)),
        FieldInvalidError,
        "logprobs.alternative_count",
    ),
    (
        sampling(logit_bias=dict.fromkeys(range(1025), 0.0)),
        FieldInvalidError,
        "sampling.logit_bias",
    ),
    (sampling(logit_bias={100: 0.0}), FieldInvalidError, "sampling.logit_bias"),
    (sampling(logit_bias={-1: 0.0}), FieldInvalidError, "sampling.logit_bias"),
    (sampling(logit_bias={1: math.nan}), FieldInvalidError, "sampling.logit_bias"),
    (stop(max_token_count=0), FieldInvalidError, "stop.max_token_count"),
    (stop(max_token_count=-5), FieldInvalidError, "stop.max_token_count"),
    (stop(min_token_count=-1), FieldInvalidError, "stop.min_token_count"),
    (stop(max_token_count=2, min_token_count=3), FieldInvalidError, "stop.min_token_count"),
    (stop(strings=["a"] * 5), FieldInvalidError, "stop.strings"),
    (stop(strings=[""]), FieldInvalidError, "stop.strings"),
    (stop(strings=["x" * 257]), FieldInvalidError, "stop.strings"),
    (stop(token_ids=[1] * 1025), FieldInvalidError, "stop.token_ids"),
    (stop(token_ids=[100]), FieldInvalidError, "stop.token_ids"),
]


@pytest.mark.parametrize(("refused", "error", "field"), REFUSED, ids=range(len(REFUSED)))
def test_refused_by_name(refused, error, field):
    with pytest.raises(error) as caught:
        check_generate_request(refused, LIMITS)
    assert type(caught.value) is error
    assert caught.value.field == field


RANGES = {
    "temperature": (0, 2),
    "top_p": (5e-324, 1),
    "min_p": (0, 1),
    "repetition_penalty": (5e-324, 10),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}


@given(st.sampled_from(sorted(RANGES)), st.floats(allow_nan=True, allow_infinity=True))
def test_every_float_is_accepted_or_refused_by_its_range(name, value):
    low, high = RANGES[name]
    try:
        check_generate_request(sampling(**{name: value}), LIMITS)
        accepted = True
    except FieldInvalidError as error:
        assert error.field == f"sampling.{name}"
        accepted = False
    assert accepted == (low <= value <= high)


def test_thinking_is_refused_where_the_template_cannot():
    limits = RequestLimits("nano", 100, 2, 4, thinking_supported=False)
    check_generate_request(request(thinking=False), limits)
    with pytest.raises(ParameterUnsupportedError):
        check_generate_request(request(thinking=True), limits)


def test_every_refusal_says_what_to_do():
    for refused, _error, _field in REFUSED:
        with pytest.raises(SightlineError) as caught:
            check_generate_request(refused, LIMITS)
        assert caught.value.message.endswith(".")
