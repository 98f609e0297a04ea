"""Tiles through the running suite: from REST's option to the tower and back."""

import io

import pytest
import torch
from PIL import Image, ImageDraw
from sightline.encoder.v1 import encoder_pb2
from sightline_encoder.config import EncoderSettings
from sightline_encoder.loaded_model import load_model
from transformers.modeling_outputs import BaseModelOutputWithPooling

from tests.suite.pictures import data_url
from tests.suite.running_suite import NANO
from tests.suite.test_parity import CLOSE, MAX_TOKENS, answer_of_transformers
from training.examination.answering import Answerer

pytestmark = pytest.mark.suite
QUESTION = "Describe the image."
SIZE = (504, 392)


def scene():
    """Returns a PNG larger than a tile in both directions, a shape in every corner."""
    image = Image.new("RGB", SIZE, (240, 236, 228))
    draw = ImageDraw.Draw(image)
    for index, colour in enumerate(("red", "blue", "green", "orange")):
        left, top = 40 + 300 * (index % 2), 30 + 220 * (index // 2)
        draw.ellipse((left, top, left + 110, top + 110), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def ask(client, data, **options):
    image = {"type": "image_url", "image_url": {"url": data_url(data), **options}}
    answer = client.chat.completions.create(
        model="sightline-nano",
        messages=[{"role": "user", "content": [image, {"type": "text", "text": QUESTION}]}],
        max_tokens=MAX_TOKENS,
        temperature=0,
    )
    return answer.choices[0].message.content, answer.usage


def in_this_process(data):
    """Returns what transformers answers, with tiled features, and that much as is certain."""
    encoder, reference = load_model(EncoderSettings(model=str(NANO))), Answerer.load(NANO)
    image = encoder.preprocessor.prepare(data, encoder.preprocessor.pixel_budget(tiled=True))
    (tiled,) = encoder.tower.encode([image], tiled=True)
    (whole,) = encoder.tower.encode([image])
    assert not torch.allclose(tiled, whole, atol=0.1), "tiles make a difference here"
    features = BaseModelOutputWithPooling(pooler_output=tiled)
    reference.model.model.visual.forward = lambda *arguments, **options: features
    ids, gaps = answer_of_transformers(reference, [[data, QUESTION]])
    decided = next((step for step, gap in enumerate(gaps) if gap <= CLOSE), len(ids))
    return reference.processor.tokenizer.decode(ids[:decided], skip_special_tokens=True)


def test_tiled_answers_equal_those_of_tiled_features_in_this_process(client, encoder):
    data = scene()
    whole, usage = ask(client, data)
    tiled, usage_of_tiles = ask(client, data, tiling="tiled")
    expected = in_this_process(data)

    assert len(expected) > 20
    assert tiled.startswith(expected.strip())
    tokens = (SIZE[0] // 28) * (SIZE[1] // 28)
    assert usage.prompt_tokens_details.image_tokens == tokens
    assert usage_of_tiles.prompt_tokens_details.image_tokens == tokens
    assert usage_of_tiles.prompt_tokens_details.cached_tokens < tokens, (
        "tiles have a key of their own"
    )
    info = encoder.GetModelInfo(encoder_pb2.GetModelInfoRequest())
    assert info.max_tiled_pixel_budget >= SIZE[0] * SIZE[1]
    assert whole
