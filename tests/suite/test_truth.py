"""What the shipped model says about the shipped examples."""

import openai
import pytest

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
