"""What one tenant's salt led to is never another's, through the whole generator."""

import pytest
from grpc import aio
from sightline.generator.v1 import generator_pb2 as pb
from sightline_common.digest import sha256_digest
from sightline_common.errors import FieldInvalidError, MediaBytesRequiredError
from sightline_common.status import error_from_rpc

from tests.generator.running_generator import running_generator
from tests.generator.test_prefix_cache import (
    EXACT,
    FIRST,
    QUESTION,
    answer_with_keys,
    ask,
    picture,
    request,
    user,
)

ONE, TWO = "salt of one", "salt of another"


@pytest.fixture
async def generator(tiny_folder):
    # Its encoder gives both tenants' features one key: the salt alone must keep blocks apart.
    async with running_generator(tiny_folder, **EXACT) as running:
        answer_with_keys(running.encoder)
        yield running


def asked(salt, *parts):
    return request(user(*(parts or (picture(), QUESTION))), max_tokens=2, cache_salt=salt)


def put(salt):
    header = pb.PutMediaHeader(byte_count=len(FIRST), cache_salt=salt)
    yield pb.PutMediaRequest(header=header)
    yield pb.PutMediaRequest(chunk=FIRST)


async def refusal(awaitable):
    with pytest.raises(aio.AioRpcError) as caught:
        await awaitable
    return error_from_rpc(caught.value)


@pytest.mark.parametrize("parts", [(), (QUESTION * 3,)], ids=["picture", "text alone"])
async def test_tenants_share_no_prefix_blocks_and_one_tenant_shares_its_own(generator, parts):
    await ask(generator, asked(ONE, *parts))
    other, _ids, _usage = await ask(generator, asked(TWO, *parts))
    again, _ids, _usage = await ask(generator, asked(ONE, *parts))
    assert other.cached_token_count == 0
    assert again.cached_token_count > 16


async def test_the_encoder_is_told_each_tenants_salt_and_asked_for_each(generator):
    for salt in (ONE, TWO, ONE, ""):
        await ask(generator, asked(salt))
    assert [header.salt for header in generator.encoder.headers] == [ONE, TWO, ""]


async def test_counting_tokens_is_a_tenants_own_too(generator):
    messages = [user(picture(), QUESTION)]
    await generator.stub.CountTokens(pb.CountTokensRequest(messages=messages, cache_salt=ONE))
    assert [header.salt for header in generator.encoder.headers] == [ONE]


async def test_a_stored_file_is_found_by_its_tenant_alone(generator):
    await generator.stub.PutMedia(put(ONE))
    by_digest = pb.Part(media=pb.Media(digest=sha256_digest(FIRST)))
    error = await refusal(ask(generator, asked(TWO, by_digest, QUESTION)))
    assert isinstance(error, MediaBytesRequiredError)
    started, _ids, _usage = await ask(generator, asked(ONE, by_digest, QUESTION))
    assert started.image_token_count == 35


async def test_a_salt_that_is_too_long_is_refused_by_field(generator):
    long = "s" * 257
    assert (await refusal(ask(generator, asked(long)))).field == "cache_salt"
    error = await refusal(generator.stub.PutMedia(put(long)))
    assert isinstance(error, FieldInvalidError)
    assert error.field == "header.cache_salt"
