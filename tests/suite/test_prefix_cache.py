"""What a second look at a picture costs, through all services."""

import pytest
from sightline.encoder.v1 import encoder_pb2

from tests.suite.pictures import fresh_picture, user_message

pytestmark = pytest.mark.suite
QUESTION = "Describe the image."
OTHER = "How many shapes are there?"


def ask(client, *messages):
    completion = client.chat.completions.create(
        model="sightline-nano",
        messages=list(messages),
        max_tokens=40,
        temperature=0,
        extra_body={"media_first": True},
    )
    details = completion.usage.prompt_tokens_details
    return completion.choices[0].message.content, completion.usage.prompt_tokens, details


def answer_count(encoder):
    statistics = encoder.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest())
    return sum(each.answer_count for each in statistics.source_counts)


def test_second_turn_and_another_question_reuse_the_picture_without_the_encoder(client, encoder):
    opening = user_message(QUESTION, fresh_picture((336, 336)))
    text, prompt_tokens, first = ask(client, opening)
    asked_before = answer_count(encoder)
    turn = [opening, {"role": "assistant", "content": text}, {"role": "user", "content": OTHER}]
    _text, _tokens, second = ask(client, *turn)
    picture = [part for part in opening["content"] if part["type"] != "text"]
    other = {"role": "user", "content": [{"type": "text", "text": OTHER}, *picture]}
    _text, _tokens, third = ask(client, other)
    assert first.cached_tokens < 32
    assert second.cached_tokens >= prompt_tokens // 16 * 16
    assert third.cached_tokens >= 128
    assert answer_count(encoder) == asked_before


def test_regenerated_answer_is_the_same_and_cached(client):
    message = user_message(QUESTION, fresh_picture())
    text, prompt_tokens, _first = ask(client, message)
    again, _tokens, second = ask(client, message)
    assert again == text
    assert second.cached_tokens == (prompt_tokens - 1) // 16 * 16
