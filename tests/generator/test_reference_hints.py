"""A digest is a hint: whoever has forgotten its file asks for it, and nobody answers wrongly.

Faults of peers began where a sender believed that the receiver still held something. Here
generator and encoder forget, refuse and are left in any order, and every answer is the cold one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from grpc import aio
from sightline.generator.v1 import generator_pb2 as pb
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    FieldInvalidError,
    MediaBytesRequiredError,
    MediaUnreadableError,
)
from sightline_common.status import error_from_rpc

from tests.generator.running_generator import running_generator
from tests.generator.test_prefix_cache import EXACT, answer_with_keys, ask, picture, request, user

FILES = [bytes([number]) * 200 for number in range(3)]
QUESTIONS = ["What is in the picture?", "Where is it, and how large is it?"]
NUM_STEPS = 40


def question(number, words, by_digest=False, **fields):
    named = pb.Part(media=pb.Media(digest=sha256_digest(FILES[number])))
    part = named if by_digest else picture(FILES[number])
    return request(user(part, words), max_tokens=4, **fields)


async def refusal(asking):
    with pytest.raises(aio.AioRpcError) as caught:
        await asking
    return error_from_rpc(caught.value)


@dataclass
class Simulation:
    """Draws what happens next, and knows every question's cold answer."""

    generator: object
    random: random.Random
    cold: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    resent: int = 0

    async def learn(self):
        for number in range(len(FILES)):
            for words in QUESTIONS:
                asked = question(number, words, cache_salt=f"{number} {words}")
                self.cold[number, words] = (await ask(self.generator, asked))[1]

    async def step(self):
        act = self.random.choice(ACTS)
        await act(self, self.random.randrange(len(FILES)), self.random.choice(QUESTIONS))

    async def with_file(self, number, words):
        ids = (await ask(self.generator, question(number, words)))[1]
        assert ids == self.cold[number, words]

    async def by_digest(self, number, words):
        try:
            ids = (await ask(self.generator, question(number, words, by_digest=True)))[1]
            assert ids == self.cold[number, words]
        except aio.AioRpcError as failure:
            error = error_from_rpc(failure)
            assert isinstance(error, MediaBytesRequiredError)
            assert error.metadata["digests"] == sha256_digest(FILES[number])
            self.resent += 1
            await self.with_file(number, words)

    async def stored(self, number, words):
        async def messages():
            yield pb.PutMediaRequest(header=pb.PutMediaHeader(byte_count=len(FILES[number])))
            yield pb.PutMediaRequest(chunk=FILES[number])

        await self.generator.stub.PutMedia(messages())

    async def generator_forgets_file(self, number, words):
        async def messages():
            yield pb.PutMediaRequest(header=pb.PutMediaHeader(byte_count=1000))
            yield pb.PutMediaRequest(chunk=self.random.randbytes(1000))

        await self.generator.stub.PutMedia(messages())

    async def generator_forgets_blocks(self, number, words):
        await ask(self.generator, request(user("word " * 1560), max_tokens=1))

    async def encoder_evicts(self, number, words):
        self.generator.encoder.known.discard(sha256_digest(FILES[number]))

    async def encoder_restarts(self, number, words):
        self.generator.encoder.known.clear()

    async def everyone_forgets(self, number, words):
        await self.generator_forgets_file(number, words)
        await self.generator_forgets_blocks(number, words)
        await self.encoder_restarts(number, words)

    async def generator_rejects(self, number, words):
        asked = question(number, words)
        asked.sampling.temperature = -1
        assert isinstance(await refusal(ask(self.generator, asked)), FieldInvalidError)

    async def encoder_rejects(self, number, words):
        encoder = self.generator.encoder
        answer = encoder.answer_header

        def refuse(header):
            raise MediaUnreadableError("damaged")

        encoder.answer_header = refuse
        asked = question(number, words, cache_salt=str(self.random.random()))
        assert isinstance(await refusal(ask(self.generator, asked)), MediaUnreadableError)
        encoder.answer_header = answer

    async def asker_leaves(self, number, words):
        call = self.generator.stub.GenerateText(question(number, words))
        await call.read()
        call.cancel()


ACTS = [
    *[Simulation.with_file, Simulation.by_digest] * 4,
    *[Simulation.stored, Simulation.encoder_evicts, Simulation.encoder_restarts] * 2,
    Simulation.generator_forgets_file,
    Simulation.everyone_forgets,
    Simulation.generator_rejects,
    Simulation.encoder_rejects,
    Simulation.asker_leaves,
]


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_is_forgotten_in_between_every_answer_is_the_cold_one(tiny_folder, seed):
    async with running_generator(tiny_folder, **EXACT) as running:
        answer_with_keys(running.encoder)
        simulation = Simulation(running, random.Random(seed))
        await simulation.learn()
        for _ in range(NUM_STEPS):
            await simulation.step()
        await simulation.everyone_forgets(0, "")
        resent = simulation.resent
        await simulation.by_digest(0, QUESTIONS[0])
        assert simulation.resent == resent + 1
        await running.until_idle()
