"""A similar picture through REST: allowed, told of, and never for those who did not allow it."""

import io

import openai
import pytest
from PIL import Image

from tests.suite.pictures import data_url, fresh_picture

pytestmark = pytest.mark.suite


@pytest.fixture
def offering(similar_suite):
    url = f"{similar_suite.url}/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def ask(client, url, **image):
    part = {"type": "image_url", "image_url": {"url": url, **image}}
    return client.chat.completions.create(
        model="sightline-nano",
        messages=[{"role": "user", "content": [part, {"type": "text", "text": "Describe it."}]}],
        max_tokens=20,
        temperature=0,
    )


def encoded_anew(png):
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).save(file, "JPEG", quality=90)
    return file.getvalue()


def test_similar_picture_shares_keys_and_values_and_is_told_of_every_time(offering):
    picture = fresh_picture()
    again = data_url(encoded_anew(picture), "image/jpeg")
    first = ask(offering, data_url(picture), similar_allowed=True)
    answers = [ask(offering, again, similar_allowed=True) for _ in range(2)]

    assert not hasattr(first, "similar_images")
    for answer in answers:
        assert [image["index"] for image in answer.similar_images] == [0]
        assert 0 < answer.similar_images[0]["distance"] < 0.14
        assert answer.choices[0].message.content == first.choices[0].message.content
        assert answer.usage.prompt_tokens_details.cached_tokens >= 48


def test_whoever_did_not_allow_it_gets_the_picture_itself(offering):
    picture = fresh_picture()
    again = data_url(encoded_anew(picture), "image/jpeg")
    ask(offering, data_url(picture), similar_allowed=True)
    ask(offering, again, similar_allowed=True)
    exact = ask(offering, again)

    assert not hasattr(exact, "similar_images")
    assert exact.usage.prompt_tokens_details.cached_tokens < 32


def test_server_that_does_not_offer_it_refuses_by_name(client):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, data_url(fresh_picture()), similar_allowed=True)

    assert refused.value.code == "unsupported_parameter"
    assert refused.value.param == "messages[0].content[0].image_url.similar_allowed"
