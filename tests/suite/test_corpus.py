"""The corpus of pictures through REST, to the tower and back."""

import re

import httpx2
import pytest

from tests.encoder.corpus import ACCEPTED, REFUSED
from tests.suite.pictures import fresh_picture, image_part, user_message

pytestmark = pytest.mark.suite
MODEL = "sightline-nano"
MAX_IMAGES = 16
CODES = {
    "MEDIA_EMPTY": "image_empty",
    "MEDIA_UNREADABLE": "image_decode_failed",
    "MEDIA_FORMAT_UNSUPPORTED": "image_format_unsupported",
    "MEDIA_TOO_LARGE": "image_too_large",
    "MEDIA_ASPECT_RATIO_INVALID": "image_aspect_ratio_invalid",
}
LEAK = re.compile(r"0x[0-9a-f]{4,}|/usr|/home|/tmp|site-packages|Traceback|Error\(|PIL|\.py\b")


@pytest.fixture
def rest(suite):
    with httpx2.Client(base_url=suite.url, timeout=60) as client:
        yield client


def ask(rest, *pictures, **options):
    message = user_message("?", *pictures)
    body = {"model": MODEL, "messages": [message], "max_tokens": 1, **options}
    return rest.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize("number", list(ACCEPTED))
def test_accepted_picture_is_answered(rest, number):
    for sample in ACCEPTED[number]():
        assert ask(rest, sample.data).status_code == 200


@pytest.mark.parametrize("number", list(REFUSED))
def test_refused_picture_is_named_and_the_next_good_one_is_answered(rest, number):
    good = fresh_picture()
    for sample in REFUSED[number]():
        reply = ask(rest, good, sample.data, stream=number % 2 == 0)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"]) == (400, CODES[sample.reason])
        assert error["param"] == "messages[0].content[1]"
        assert not LEAK.search(reply.text), reply.text
    assert ask(rest, good).status_code == 200


def test_bytes_and_not_the_stated_type_decide(rest):
    picture = fresh_picture()
    parts = [image_part(picture, mime) for mime in ("image/png", "image/jpeg", "image/svg+xml")]
    replies = [
        rest.post(
            "/v1/chat/completions",
            json={
                "model": MODEL,
                "messages": [{"role": "user", "content": [part, {"type": "text", "text": "?"}]}],
                "max_tokens": 8,
                "temperature": 0,
            },
        )
        for part in parts
    ]
    answers = {reply.json()["choices"][0]["message"]["content"] for reply in replies}
    assert len(answers) == 1


def test_one_picture_more_than_allowed_is_refused_before_any_is_looked_at(rest):
    pictures = [fresh_picture((28, 28))] * (MAX_IMAGES + 1)

    reply = ask(rest, *pictures)

    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "messages")
    assert str(MAX_IMAGES) in error["message"]
    assert ask(rest, *pictures[:MAX_IMAGES]).status_code == 200


def test_file_over_the_limit_is_413_and_one_of_the_limit_is_not(rest):
    limit = 20 * 1024**2
    good = fresh_picture()

    over, exact = [ask(rest, good + bytes(limit + more - len(good))) for more in (1, 0)]

    assert (over.status_code, over.json()["error"]["code"]) == (413, "image_too_large")
    assert exact.status_code == 200
