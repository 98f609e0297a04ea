"""What the shipped model says about the shipped examples."""

import html
import re

import httpx2
import openai
import pytest
from sightline_web.chat.examples import EXAMPLES as EXAMPLES_ON_PAGE

from tests.suite.pictures import EXAMPLES, image_part

pytestmark = pytest.mark.suite

TRUTH = {
    "shapes.png": (
        "A red circle at the top left, a blue square in the center"
        " and a green star at the bottom right."
    ),
    "hearts.png": "A purple heart at the top right and an orange heart at the bottom left.",
    "tall.png": (
        "A yellow star at the top, a blue cross on the left, a red triangle on the right"
        " and a black circle at the bottom."
    ),
    "photo.jpg": "A green triangle on the left and a red heart at the top right.",
}


def shapes_of(description):
    """Returns the shapes with their places, whatever their order."""
    listed = description.lower().rstrip(".").replace(" and ", ", ")
    return sorted(shape.removeprefix("a ").removeprefix("an ") for shape in listed.split(", "))


@pytest.mark.parametrize("name", TRUTH)
def test_example_is_described_truthfully(client: openai.OpenAI, name):
    content = [
        image_part((EXAMPLES / name).read_bytes(), "image/png"),
        {"type": "text", "text": "Describe the image."},
    ]
    reply = client.chat.completions.create(
        model="sightline-nano", messages=[{"role": "user", "content": content}]
    )
    assert shapes_of(reply.choices[0].message.content) == shapes_of(TRUTH[name])


ANSWERS = {
    "en": {"shapes.png": "red circle", "tall.png": "four", "hearts.png": "purple heart"},
    "zh": {"shapes.png": "红色圆形", "tall.png": "四", "hearts.png": "紫色心形"},
}


@pytest.mark.parametrize("language", ANSWERS)
@pytest.mark.parametrize("example", EXAMPLES_ON_PAGE, ids=lambda example: example.name)
def test_examples_of_the_page_are_answered_right(suite, example, language):
    headers = {"accept-language": language}
    with httpx2.Client(
        base_url=suite.url, headers=headers, follow_redirects=True, timeout=60
    ) as client:
        form = re.search(rf'value="{example.name}">.*?</form>', client.get("/").text, re.DOTALL)[0]
        question = html.unescape(re.search(r'name="text" value="(.*?)"', form)[1])
        page = client.post("/c", data={"example": example.name, "text": question})
        while "is-running" in page.text:
            page = client.get(page.url)
    answer = re.search(r'<div class="prose"[^>]*>(.*?)</div>', page.text, re.DOTALL)[1]
    assert ANSWERS[language][example.name] in answer.lower()
