"""The gRPC client against a real gRPC server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress

import pytest
from grpc import aio
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.errors import (
    DeadlineError,
    InternalError,
    MediaTooLargeError,
    NotReadyError,
    QueueFullError,
    SightlineError,
)
from sightline_common.request_ids import request_id
from sightline_common.server import GrpcServer, ServerOptions
from sightline_web.generator_client import GrpcGenerator

from tests.web.fakes import complete, delta, started

REQUEST = generator_pb2.GenerateTextRequest(model="m")
Behaviour = Callable[[], AsyncIterator[generator_pb2.GenerateTextResponse]]


class Servicer(generator_pb2_grpc.GeneratorServiceServicer):
    def __init__(self) -> None:
        self.behaviour: Behaviour
        self.metadata: dict[str, str] = {}
        self.ended = asyncio.Event()

    async def GenerateText(self, request, context):
        self.metadata = dict(context.invocation_metadata())
        try:
            async for response in self.behaviour():
                yield response
        finally:
            self.ended.set()

    async def GetModelInfo(self, request, context):
        return generator_pb2.GetModelInfoResponse(model="nano")


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture
async def server(servicer: Servicer) -> AsyncIterator[GrpcServer]:
    server = GrpcServer(ServerOptions("sightline.generator.v1.GeneratorService", drain_s=0))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: GrpcServer, servicer: Servicer) -> AsyncIterator[GrpcGenerator]:
    def register(grpc_server: aio.Server) -> None:
        generator_pb2_grpc.add_GeneratorServiceServicer_to_server(servicer, grpc_server)

    await server.set_ready(register)
    client = GrpcGenerator(f"127.0.0.1:{server.port}")
    yield client
    await client.close()


async def test_answer_streams_with_the_request_id(
    client: GrpcGenerator, servicer: Servicer
) -> None:
    async def behaviour() -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        for response in (started(), delta("A"), complete()):
            yield response

    servicer.behaviour = behaviour
    token = request_id.set("req-1")
    responses = [response async for response in client.generate_text(REQUEST, 5)]
    request_id.reset(token)
    assert [response.WhichOneof("payload") for response in responses] == [
        "started",
        "delta",
        "complete",
    ]
    assert servicer.metadata["x-request-id"] == "req-1"


async def test_own_errors_come_back_whole(client: GrpcGenerator, servicer: Servicer) -> None:
    async def behaviour() -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        raise QueueFullError("Full.", retry_after_s=2.5)
        yield

    servicer.behaviour = behaviour
    with pytest.raises(QueueFullError) as caught:
        await anext(client.generate_text(REQUEST, 5))
    assert caught.value.retry_after_s == 2.5


async def test_unexpected_errors_tell_nothing(client: GrpcGenerator, servicer: Servicer) -> None:
    async def behaviour() -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        raise ValueError("/secret")
        yield

    servicer.behaviour = behaviour
    with pytest.raises(InternalError) as caught:
        await anext(client.generate_text(REQUEST, 5))
    assert "secret" not in caught.value.message


async def test_deadline_ends_the_call(client: GrpcGenerator, servicer: Servicer) -> None:
    async def behaviour() -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        await asyncio.Event().wait()
        yield started()

    servicer.behaviour = behaviour
    with pytest.raises(DeadlineError):
        await anext(client.generate_text(REQUEST, 0.05))


async def test_closing_the_iterator_cancels_the_call(
    client: GrpcGenerator, servicer: Servicer
) -> None:
    async def behaviour() -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        yield started()
        await asyncio.Event().wait()

    servicer.behaviour = behaviour
    async with aclosing(client.generate_text(REQUEST, 60)) as responses:
        await anext(responses)
    await asyncio.wait_for(servicer.ended.wait(), 5)


async def test_too_large_a_request_is_not_sent(servicer: Servicer, client: GrpcGenerator) -> None:
    part = generator_pb2.Part(text="x" * (32 * 2**20))
    request = generator_pb2.GenerateTextRequest(messages=[generator_pb2.Message(parts=[part])])
    with pytest.raises(MediaTooLargeError):
        await anext(client.generate_text(request, 5))


async def test_loading_server_is_not_ready(server: GrpcServer) -> None:
    client = GrpcGenerator(f"127.0.0.1:{server.port}")
    with pytest.raises(NotReadyError):
        await anext(client.generate_text(REQUEST, 5))
    with pytest.raises(NotReadyError):
        await client.model_info()
    assert not await client.is_ready()
    await client.close()


async def test_absent_server_is_not_ready() -> None:
    client = GrpcGenerator("127.0.0.1:1")
    with pytest.raises(SightlineError):
        await client.model_info()
    assert not await client.is_ready()
    await client.close()


async def test_unary_calls_answer(client: GrpcGenerator) -> None:
    assert (await client.model_info()).model == "nano"
    assert await client.is_ready()


async def running(name: str) -> GrpcServer:
    """A generator that says its name as the model's."""

    class Named(generator_pb2_grpc.GeneratorServiceServicer):
        async def GetModelInfo(self, request, context):
            return generator_pb2.GetModelInfoResponse(model=name)

    server = GrpcServer(ServerOptions("sightline.generator.v1.GeneratorService", drain_s=0))
    await server.start()
    await server.set_ready(
        lambda grpc_server: generator_pb2_grpc.add_GeneratorServiceServicer_to_server(
            Named(), grpc_server
        )
    )
    return server


async def test_ready_generators_take_turns_and_one_that_leaves_is_passed_over() -> None:
    first, second = await running("first"), await running("second")
    client = GrpcGenerator(f"ipv4:127.0.0.1:{first.port},127.0.0.1:{second.port}")

    async def asked(count: int) -> set[str]:
        answered = set()
        for _ in range(count):
            with suppress(NotReadyError):  # by one that just began to leave
                answered.add((await client.model_info()).model)
        return answered

    async with asyncio.timeout(10):
        while await asked(6) != {"first", "second"}:
            pass  # the second connection may come later
        await first.stop()
        while await asked(6) != {"second"}:
            pass
    await client.close()
    await second.stop()
