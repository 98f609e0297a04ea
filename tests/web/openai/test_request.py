"""Parameters in the generator's words."""

from __future__ import annotations

import json

import pytest
from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_web.openai.errors import ApiError
from sightline_web.openai.messages import LOW_DETAIL_PIXELS, MessageReader
from sightline_web.openai.request import IGNORED, UNSUPPORTED_WHEN_SET, read_request

from tests.web.fakes import data_url, png

READER = MessageReader(max_image_bytes=2**20, max_message_count=16, max_video_bytes=1000)


def generation(**changes: object) -> generator_pb2.GenerateTextRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **changes}
    return read_request(json.dumps(body).encode(), READER).generation


def test_absent_parameters_stay_unset() -> None:
    request = generation()
    assert not request.sampling.ListFields()
    assert not request.stop.ListFields()
    assert not request.HasField("thinking")
    assert not request.HasField("logprobs")


def test_every_sampling_parameter_is_passed_on() -> None:
    sampling = generation(
        temperature=0,
        top_p=0.5,
        top_k=-1,
        min_p=0.1,
        repetition_penalty=1.1,
        presence_penalty=-2,
        frequency_penalty=2,
        seed=-1,
        logit_bias={"5": -100},
    ).sampling
    assert sampling.HasField("temperature")
    assert sampling.temperature == 0
    assert (sampling.top_p, sampling.top_k, sampling.min_p) == (0.5, 0, 0.1)
    assert sampling.HasField("top_k")
    assert (sampling.repetition_penalty, sampling.seed) == (1.1, -1)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (-2, 2)
    assert dict(sampling.logit_bias) == {5: -100}


def test_stop_parameters_are_passed_on() -> None:
    stop = generation(stop="END", stop_token_ids=[3], min_tokens=2, ignore_eos=True).stop
    assert list(stop.strings) == ["END"]
    assert list(stop.token_ids) == [3]
    assert stop.min_token_count == 2
    assert stop.end_ignored


def test_new_name_of_token_bound_wins_over_the_old() -> None:
    assert generation(max_tokens=5).stop.max_token_count == 5
    assert generation(max_tokens=5, max_completion_tokens=9).stop.max_token_count == 9


@pytest.mark.parametrize(
    ("changes", "thinking"),
    [
        ({"chat_template_kwargs": {"enable_thinking": False}}, False),
        ({"thinking": {"type": "enabled", "clear_thinking": True}}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "low"}, True),
        (
            {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "none"},
            True,
        ),
    ],
)
def test_thinking_is_asked_for_in_any_dialect(changes: dict[str, object], thinking: bool) -> None:
    request = generation(**changes)
    assert request.HasField("thinking")
    assert request.thinking is thinking


def test_no_sampling_means_temperature_zero() -> None:
    assert generation(do_sample=False, temperature=0.7).sampling.temperature == 0
    assert generation(do_sample=True, temperature=0.7).sampling.temperature == 0.7


def test_roles_and_order_are_kept() -> None:
    roles = ["system", "developer", "user", "assistant", "user"]
    messages = [{"role": role, "content": role} for role in roles]
    read = generation(messages=messages).messages
    assert [message.parts[0].text for message in read] == roles
    assert read[1].role == generator_pb2.ROLE_SYSTEM
    assert read[3].role == generator_pb2.ROLE_ASSISTANT


def test_reasoning_of_earlier_answers_is_passed_on() -> None:
    messages = [
        {"role": "assistant", "content": "A", "reasoning_content": "R"},
        {"role": "user", "content": "B", "reasoning_content": "ignored"},
    ]
    read = generation(messages=messages).messages
    assert [message.reasoning for message in read] == ["R", ""]


def test_low_detail_bounds_the_pixels() -> None:
    def parts(detail: str) -> list[dict[str, object]]:
        url = data_url(png())
        return [{"type": "image_url", "image_url": {"url": url, "detail": detail}}]

    low, high = (
        generation(messages=[{"role": "user", "content": parts(detail)}]).messages[0].parts[0]
        for detail in ("low", "high")
    )
    assert low.media.options.max_pixel_count == LOW_DETAIL_PIXELS
    assert not high.media.options.HasField("max_pixel_count")


def _options(**image: object) -> media_pb2.MediaOptions:
    part = {"type": "image_url", "image_url": {"url": data_url(png()), **image}}
    read = generation(messages=[{"role": "user", "content": [part]}])
    return read.messages[0].parts[0].media.options


@pytest.mark.parametrize("detail", ["auto", "high", "original"])
def test_other_details_leave_the_pixels_to_the_checkpoint(detail: str) -> None:
    assert _options(detail=detail) == media_pb2.MediaOptions()


def test_tiles_and_pixels_are_asked_for_beside_detail() -> None:
    options = _options(detail="low", tiling="tiled", max_pixel_count=2688**2)

    assert options == media_pb2.MediaOptions(tiling=media_pb2.TILING_TILED, max_pixel_count=2688**2)


@pytest.mark.parametrize(
    ("key", "value"), [("tiling", "both"), ("max_pixel_count", 0), ("max_pixel_count", "many")]
)
def test_wrong_tiling_or_pixels_are_named(key: str, value: object) -> None:
    with pytest.raises(ApiError) as caught:
        _options(**{key: value})
    assert caught.value.param == f"messages[0].content[0].image_url.{key}"


@pytest.mark.parametrize(("value", "allowed"), [(None, False), (False, False), (True, True)])
def test_similar_pictures_are_allowed_only_by_name(value: bool | None, allowed: bool) -> None:
    assert _options(similar_allowed=value).similar_allowed is allowed


def test_caller_keeps_order_unless_media_first_is_asked() -> None:
    assert not generation().media_first
    assert generation(media_first=True).media_first


@pytest.mark.parametrize("prompted", [{}, {"add_generation_prompt": False}])
def test_answer_goes_on_with_the_last_message_when_asked(prompted: dict[str, object]) -> None:
    messages = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]
    read = generation(messages=messages, continue_final_message=True, **prompted)
    assert read.continue_final_message
    assert read.messages[-1].parts[0].text == "B"
    assert not generation(messages=messages).continue_final_message


@pytest.mark.parametrize(
    "changes",
    [
        {"continue_final_message": True, "add_generation_prompt": True},
        {"add_generation_prompt": False},
    ],
)
def test_generation_prompt_and_continuation_exclude_each_other(changes: dict[str, object]) -> None:
    with pytest.raises(ApiError) as caught:
        generation(**changes)
    assert caught.value.param == "add_generation_prompt"


def test_no_parameter_is_both_ignored_and_refused() -> None:
    assert not set(IGNORED) & set(UNSUPPORTED_WHEN_SET)


FILM = b"not looked at here"


def media_of(part: object) -> generator_pb2.Media:
    request = generation(messages=[{"role": "user", "content": [part]}])
    return request.messages[0].parts[0].media


@pytest.mark.parametrize(
    "reference",
    [
        {"url": data_url(FILM, "video/mp4")},
        {"url": data_url(FILM, "video/webm")},
        {"url": data_url(FILM, "").partition(",")[2]},
        data_url(FILM, "video/quicktime"),
    ],
)
def test_a_video_url_is_a_video(reference: object) -> None:
    media = media_of({"type": "video_url", "video_url": reference})
    assert media.kind == media_pb2.MEDIA_KIND_VIDEO
    assert media.data == FILM


@pytest.mark.parametrize(
    ("url", "code", "status"),
    [
        ("https://example.com/a.mp4", "video_url_forbidden", 400),
        ("file:///etc/passwd", "video_url_forbidden", 400),
        ("data:video/mp4,plain", "invalid_video_url", 400),
        (data_url(FILM, "image/png"), "video_format_unsupported", 400),
        ("data:video/mp4;base64,@@@", "video_base64_invalid", 400),
        ("data:video/mp4;base64,", "video_empty", 400),
        (f"data:video/jpeg;base64,{','.join(['aGk='] * 9000)}", "video_base64_invalid", 400),
        ("data:video/jpeg;base64,,,,,", "video_base64_invalid", 400),
        (data_url(bytes(1001), "video/mp4"), "video_too_large", 413),
    ],
)
def test_what_is_no_video_is_refused_at_its_place(url: str, code: str, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        media_of({"type": "video_url", "video_url": {"url": url}})
    assert (caught.value.code, caught.value.http_status) == (code, status)
    assert caught.value.param == "messages[0].content[0]"


def test_a_video_is_no_picture() -> None:
    with pytest.raises(ApiError) as caught:
        media_of({"type": "image_url", "image_url": {"url": data_url(FILM, "video/mp4")}})
    assert caught.value.code == "image_format_unsupported"
