"""File bytes in, token ids out: the whole suite beside transformers' own pipeline."""

import io

import pytest
import torch
from PIL import Image
from sightline.generator.v1 import generator_pb2

from tests.suite.pictures import EXAMPLES
from tests.suite.running_suite import NANO
from training.examination.answering import Answerer, Prompt

pytestmark = pytest.mark.suite
MAX_TOKENS = 24
CLOSE = 1e-3


def drawn(width, height, colour):
    """Returns a PNG with a disc on a tinted ground."""
    image = Image.new("RGB", (width, height), (240, 236, 228))
    disc = Image.new("L", (width, height))
    disc.paste(255, (width // 4, height // 4, 3 * width // 4, 3 * height // 4))
    image.paste(colour, mask=disc)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


WIDE, TALL, SMALL = drawn(401, 163, "red"), drawn(150, 333, "blue"), drawn(50, 40, "green")
EXAMPLE = (EXAMPLES / "shapes.png").read_bytes()

CONVERSATIONS = {
    "text": [["Hello, who are you?"]],
    "chinese": [["你好！请介绍一下你自己。"]],
    "picture first": [[EXAMPLE, "Describe the image."]],
    "picture last": [["How many shapes are there?", EXAMPLE]],
    "wide": [[WIDE, "What colour is the shape?"]],
    "tall": [[TALL, "Describe the image."]],
    "smaller than the least": [[SMALL, "这是什么形状？"]],
    "three pictures": [[WIDE, "and", TALL, "and", EXAMPLE, "What do you see?"]],
    "two turns": [[EXAMPLE, "How many shapes are there?"], ["Three."], ["Where is the star?"]],
}


def answer_of_transformers(answerer, turns):
    """Returns greedy ids, and for each how far the two best logits were apart."""
    files = [part for turn in turns for part in turn if is_file(part)]
    pictures = tuple(Image.open(io.BytesIO(file)) for file in files)
    messages = [reference_message(index, turn) for index, turn in enumerate(turns)]
    prepared = answerer.prepare(Prompt(messages, pictures))
    token_ids = prepared.token_ids[None]
    output = answerer.model.generate(
        input_ids=token_ids,
        attention_mask=torch.ones_like(token_ids),
        do_sample=False,
        max_new_tokens=MAX_TOKENS,
        output_logits=True,
        return_dict_in_generate=True,
        **answerer.pictures([prepared], token_ids),
    )
    best = [row[0].topk(2).values for row in output.logits]
    ids = output.sequences[0, token_ids.shape[1] :].tolist()
    return ids, [float(first - second) for first, second in best]


def is_file(part):
    return isinstance(part, bytes)


def role_of(index):
    return "assistant" if index % 2 else "user"


def reference_message(index, turn):
    content = [{"type": "image"} if is_file(p) else {"type": "text", "text": p} for p in turn]
    return {"role": role_of(index), "content": content}


def our_message(index, turn):
    role = generator_pb2.ROLE_ASSISTANT if index % 2 else generator_pb2.ROLE_USER
    parts = [
        generator_pb2.Part(media=generator_pb2.Media(data=part))
        if is_file(part)
        else generator_pb2.Part(text=part)
        for part in turn
    ]
    return generator_pb2.Message(role=role, parts=parts)


@pytest.fixture(scope="module")
def reference():
    return Answerer.load(NANO)


@pytest.mark.parametrize("turns", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_suite_gives_the_ids_of_transformers(generator, reference, turns):
    expected, gaps = answer_of_transformers(reference, turns)
    request = generator_pb2.GenerateTextRequest(
        messages=[our_message(index, turn) for index, turn in enumerate(turns)],
        sampling=generator_pb2.SamplingOptions(temperature=0),
        stop=generator_pb2.StopOptions(max_token_count=MAX_TOKENS),
        token_ids_wanted=True,
    )
    ids = [i for piece in generator.GenerateText(request) for i in piece.delta.token_ids]
    decided = next((step for step, gap in enumerate(gaps) if gap <= CLOSE), len(expected))
    assert decided > 0
    assert ids[:decided] == expected[:decided]
