"""A video through the whole suite: REST to the tower and back.

nano was shown no video in training: what it says of one means nothing, and is not judged.
"""

import base64

import openai
import pytest
from sightline.encoder.v1 import encoder_pb2

from tests.encoder.videos import sound_only, video
from tests.suite.pictures import fresh_picture, user_message, with_bytes

pytestmark = pytest.mark.suite
MODEL = "sightline-nano"


def message(data, question, mime="video/mp4"):
    url = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    parts = [
        {"type": "video_url", "video_url": {"url": url}},
        {"type": "text", "text": question},
    ]
    return {"role": "user", "content": parts}


def ask(client, data, question="What happens?", **options):
    return client.chat.completions.create(
        model=MODEL,
        messages=[message(data, question, **options)],
        max_tokens=8,
        temperature=0,
    )


def forward_count(encoder):
    request = encoder_pb2.GetCacheStatisticsRequest()
    return encoder.GetCacheStatistics(request).forward_count


@pytest.mark.parametrize(
    ("codec", "container", "mime"),
    [("h264", "mp4", "video/mp4"), ("vp9", "webm", "video/webm")],
)
def test_a_video_is_answered_and_another_question_is_spared_the_encoder(
    client, encoder, codec, container, mime
):
    data = video(codec=codec, container=container)
    before = forward_count(encoder)
    first = ask(client, data, mime=mime)
    assert first.usage.prompt_tokens > first.usage.completion_tokens > 0
    assert forward_count(encoder) == before + 1
    second = ask(client, data, "How often does it happen, please?", mime=mime)
    assert forward_count(encoder) == before + 1
    assert second.usage.prompt_tokens_details.cached_tokens > 16


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GIF89a and so on", "image_format_unsupported"),
        (sound_only(), "image_format_unsupported"),
        (video()[:-9], "image_decode_failed"),
    ],
)
def test_what_is_no_video_is_the_callers_mistake(client, data, code):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, data)
    assert caught.value.code == code
    assert caught.value.param == "messages[0].content[0]"


def test_a_video_larger_than_a_message_is_answered(client, encoder):
    padding = 36 * 2**20
    data = video(num_frames=12) + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8)
    before = forward_count(encoder)
    assert ask(client, data).usage.prompt_tokens > 16
    assert forward_count(encoder) == before + 1


def test_pictures_that_exceed_a_message_together_are_answered(client):
    pictures = [with_bytes(fresh_picture(), 17 * 2**20) for _ in range(2)]
    answer = client.chat.completions.create(
        model=MODEL, messages=[user_message("Describe.", *pictures)], max_tokens=8
    )
    assert answer.usage.prompt_tokens_details.image_tokens == 2 * (224 // 28) * (168 // 28)
