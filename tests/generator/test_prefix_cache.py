"""What the prefix cache spares a request, through the whole generator."""

import pytest
from sightline.generator.v1 import generator_pb2 as pb
from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest

from tests.generator.running_generator import KV_BYTES, running_generator
from tests.generator.scripted_encoder import feature_header, features

pytestmark = pytest.mark.usefixtures("in_both_modes")

EXACT = {"dtype": "float64", "kv_cache_bytes": 2 * KV_BYTES}
FIRST, SECOND = b"one picture's bytes", b"another picture's bytes"
QUESTION = "What is in the picture, and where exactly is it?"
OTHER = "How many things are there, please, and which colours do they have?"


def answer_with_keys(encoder):
    """Answers every digest with features and a key of its own: 7 x 5 cells."""

    def answer(header):
        tensor = features(7, 5, seed=sum(header.digest.encode()))
        described = feature_header(
            tensor, 7, 5, feature_key=header.digest, checkpoint_fingerprint=encoder.fingerprint
        )
        return described, tensor

    encoder.answer_header = answer


@pytest.fixture
async def generator(tiny_folder):
    async with running_generator(tiny_folder, **EXACT) as running:
        answer_with_keys(running.encoder)
        yield running


def picture(data=FIRST):
    return pb.Part(media=pb.Media(data=data))


def message(role, *parts):
    given = [pb.Part(text=part) if isinstance(part, str) else part for part in parts]
    return pb.Message(role=role, parts=given)


def user(*parts):
    return message(pb.ROLE_USER, *parts)


def assistant(text):
    return message(pb.ROLE_ASSISTANT, text)


def request(*messages, max_tokens=24, **fields):
    stop = pb.StopOptions(max_token_count=max_tokens, end_ignored=True)
    return pb.GenerateTextRequest(messages=messages, stop=stop, token_ids_wanted=True, **fields)


async def ask(generator, asked):
    """Returns started, the token ids, and usage."""
    responses = [response async for response in generator.stub.GenerateText(asked)]
    ids = [token for response in responses for token in response.delta.token_ids]
    return responses[0].started, ids, responses[-1].complete.usage


async def cold(tiny_folder, asked):
    """Returns what a generator answers that has seen nothing and caches nothing."""
    async with running_generator(tiny_folder, prefix_cache=False, **EXACT) as fresh:
        answer_with_keys(fresh.encoder)
        return (await ask(fresh, asked))[1]


async def test_same_request_again_reuses_all_but_its_last_block(generator):
    asked = request(user(picture(), QUESTION))
    first, ids, _usage = await ask(generator, asked)
    again, ids_again, usage = await ask(generator, asked)
    count = first.prompt_token_count
    assert first.cached_token_count == 0
    assert again.cached_token_count == usage.cached_token_count == (count - 1) // 16 * 16
    assert ids_again == ids
    assert len(generator.encoder.headers) == 1


async def test_second_turn_reuses_pictures_question_and_answer(generator, tiny_folder):
    opening = user(picture(FIRST), picture(SECOND), QUESTION)
    responses = [r async for r in generator.stub.GenerateText(request(opening))]
    text = "".join(response.delta.text for response in responses)
    asked = request(opening, assistant(text), user("And what else?"))
    started, ids, _usage = await ask(generator, asked)
    assert started.cached_token_count >= responses[0].started.prompt_token_count // 16 * 16
    assert len(generator.encoder.headers) == 2
    assert {medium.source for medium in started.media} == {media_pb2.FEATURE_SOURCE_PREFIX_CACHE}
    assert ids == await cold(tiny_folder, asked)


async def test_another_question_about_a_picture_asks_no_encoder(generator, tiny_folder):
    await ask(generator, request(user(picture(), QUESTION)))
    asked = request(user(OTHER, picture()), media_first=True)
    started, ids, _usage = await ask(generator, asked)
    assert started.cached_token_count >= 32
    assert len(generator.encoder.headers) == 1
    assert ids == await cold(tiny_folder, asked)


async def test_picture_after_another_text_is_fetched_and_computed_anew(generator, tiny_folder):
    await ask(generator, request(user(picture(), QUESTION)))
    asked = request(user(OTHER, picture()))
    started, ids, _usage = await ask(generator, asked)
    assert started.media[0].source != media_pb2.FEATURE_SOURCE_PREFIX_CACHE
    assert len(generator.encoder.headers) == 2
    assert ids == await cold(tiny_folder, asked)


async def test_another_picture_at_the_same_place_shares_nothing_of_itself(generator, tiny_folder):
    await ask(generator, request(user(picture(FIRST), QUESTION)))
    asked = request(user(picture(SECOND), QUESTION))
    started, ids, _usage = await ask(generator, asked)
    assert started.cached_token_count < started.prompt_token_count - started.image_token_count
    assert ids == await cold(tiny_folder, asked)
    assert len(generator.encoder.headers) == 2


async def test_evicted_picture_is_fetched_again(generator, tiny_folder):
    asked = request(user(picture(), QUESTION))
    await ask(generator, asked)
    await ask(generator, request(user("word " * 1560)))
    started, ids, _usage = await ask(generator, asked)
    assert started.cached_token_count == 0
    assert len(generator.encoder.headers) == 2
    assert ids == await cold(tiny_folder, asked)


async def test_hint_that_proves_wrong_costs_a_fetch_and_not_the_answer(generator, tiny_folder):
    asked = request(user(picture(), QUESTION))
    _first, ids, _usage = await ask(generator, asked)
    await ask(generator, request(user("word " * 1560)))
    generator.engine.num_cached_tokens = lambda sequence: sequence.num_prompt_tokens
    started, ids_again, _usage = await ask(generator, asked)
    assert started.cached_token_count == 0
    assert started.media[0].source == media_pb2.FEATURE_SOURCE_COMPUTED
    assert ids_again == ids


async def test_features_that_changed_meanwhile_lay_the_prompt_out_anew(generator):
    asked = request(user(picture(), QUESTION))
    first, _ids, _usage = await ask(generator, asked)
    await ask(generator, request(user("word " * 1560)))

    def smaller(header):
        tensor = features(3, 5)
        fingerprint = generator.encoder.fingerprint
        return feature_header(
            tensor, 3, 5, feature_key="new", checkpoint_fingerprint=fingerprint
        ), tensor

    generator.encoder.answer_header = smaller
    started, _ids, _usage = await ask(generator, asked)
    assert (first.image_token_count, started.image_token_count) == (35, 15)
    assert started.media[0].feature_key == "new"


async def test_counting_tokens_of_known_media_asks_no_encoder(generator):
    await ask(generator, request(user(picture(), QUESTION)))
    counted = await generator.stub.CountTokens(
        pb.CountTokensRequest(messages=[user(picture(), OTHER)])
    )
    assert counted.image_token_count == 35
    assert len(generator.encoder.headers) == 1


async def test_digest_alone_suffices_while_the_picture_is_cached(generator):
    await ask(generator, request(user(picture(), QUESTION)))
    generator.encoder.known.clear()
    by_digest = pb.Part(media=pb.Media(digest=sha256_digest(FIRST)))
    await ask(generator, request(user(by_digest, OTHER)))
    assert len(generator.encoder.headers) == 1


async def test_all_blocks_are_free_afterwards(generator):
    await ask(generator, request(user(picture(), QUESTION)))
    await generator.until_idle()
