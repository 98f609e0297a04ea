"""The only gRPC in this service: questions to the generator, its errors as our own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES
from sightline_common.connection import Connection
from sightline_common.errors import (
    DeadlineError,
    InternalError,
    NotReadyError,
    QueueFullError,
    SightlineError,
)
from sightline_common.status import error_from_rpc
from sightline_common.tls import ClientTls
from sightline_common.tracing import call_metadata

from sightline_web.large_files import LargeFile, missing_files, take_out_files

if TYPE_CHECKING:
    from typing import TypeAlias

    GenerateTextRequest: TypeAlias = generator_pb2.GenerateTextRequest
    Call: TypeAlias = aio.UnaryStreamCall[
        generator_pb2.GenerateTextRequest, generator_pb2.GenerateTextResponse
    ]

UNARY_TIMEOUT_S = 5.0
MAX_UPLOADS = 2
"""How often missing files are sent for one request; others may drive them out meanwhile."""
_ENVELOPE_BYTES = 64 * 1024


class Generator(Protocol):
    """What the web service needs of a generator. All methods raise SightlineError."""

    def generate_text(
        self, request: generator_pb2.GenerateTextRequest, timeout_s: float
    ) -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        """Streams an answer; closing the iterator cancels the work."""
        ...

    async def model_info(self) -> generator_pb2.GetModelInfoResponse:
        """Describes the model that is served."""
        ...

    async def load(self) -> generator_pb2.GetLoadResponse:
        """Tells how busy it is."""
        ...

    async def statistics(self) -> generator_pb2.GetStatisticsResponse:
        """Tells what it and the encoders have done since their start."""
        ...

    async def is_ready(self) -> bool:
        """Tells whether requests would be accepted now; raises nothing."""
        ...


class _Stubs(NamedTuple):
    generator: generator_pb2_grpc.GeneratorServiceAsyncStub
    health: health_pb2_grpc.HealthStub

    @classmethod
    def on(cls, channel: aio.Channel) -> _Stubs:
        generator = generator_pb2_grpc.GeneratorServiceStub(channel)
        return cls(generator, health_pb2_grpc.HealthStub(channel))


class GrpcGenerator:
    """The generator service behind one channel, whose ready addresses take turns."""

    def __init__(
        self,
        target: str,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        tls: ClientTls | None = None,
    ) -> None:
        self._max_message_bytes = max_message_bytes
        self._connection = Connection(
            target, _Stubs.on, tls, max_message_bytes=max_message_bytes, is_balanced=True
        )

    async def close(self) -> None:
        await self._connection.close()

    async def generate_text(
        self, request: generator_pb2.GenerateTextRequest, timeout_s: float
    ) -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        deadline = time.monotonic() + timeout_s
        with _own_errors():
            files = await self._take_out_files(request)
            call, first = await self._begin(request, files, deadline)
            try:
                yield first
                async for response in call:
                    yield response
            finally:
                call.cancel()

    async def model_info(self) -> generator_pb2.GetModelInfoResponse:
        request = generator_pb2.GetModelInfoRequest()
        with _own_errors():
            return await self._connection.stubs.generator.GetModelInfo(
                request, timeout=UNARY_TIMEOUT_S, metadata=call_metadata()
            )

    async def load(self) -> generator_pb2.GetLoadResponse:
        stub = self._connection.stubs.generator
        with _own_errors():
            return await stub.GetLoad(
                generator_pb2.GetLoadRequest(), timeout=UNARY_TIMEOUT_S, metadata=call_metadata()
            )

    async def statistics(self) -> generator_pb2.GetStatisticsResponse:
        stub, request = self._connection.stubs.generator, generator_pb2.GetStatisticsRequest()
        with _own_errors():
            return await stub.GetStatistics(
                request, timeout=UNARY_TIMEOUT_S, metadata=call_metadata()
            )

    async def is_ready(self) -> bool:
        try:
            request = health_pb2.HealthCheckRequest()
            health = self._connection.stubs.health
            answer = await health.Check(request, timeout=UNARY_TIMEOUT_S)
        except aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def _take_out_files(self, request: GenerateTextRequest) -> Mapping[str, LargeFile]:
        """Makes a request fit a message; raises MediaTooLargeError."""
        limit = self._max_message_bytes - _ENVELOPE_BYTES
        if request.ByteSize() <= limit:
            return {}
        return await asyncio.to_thread(take_out_files, request, limit)

    async def _begin(
        self, request: GenerateTextRequest, files: Mapping[str, LargeFile], deadline: float
    ) -> tuple[Call, generator_pb2.GenerateTextResponse]:
        """Returns a call and its first message, once the server has the files it lacked."""
        for _ in range(MAX_UPLOADS):
            try:
                return await self._open(request, deadline)
            except aio.AioRpcError as failure:
                for file in missing_files(files, error_from_failure(failure)):
                    await self._put(file, deadline)
        return await self._open(request, deadline)

    async def _open(
        self, request: GenerateTextRequest, deadline: float
    ) -> tuple[Call, generator_pb2.GenerateTextResponse]:
        stub = self._connection.stubs.generator
        call = stub.GenerateText(request, timeout=_left(deadline), metadata=call_metadata())
        try:
            first = await anext(aiter(call), None)
        except BaseException:
            call.cancel()
            raise
        if first is None:
            raise InternalError("The generator did not start its answer.")
        return call, first

    async def _put(self, file: LargeFile, deadline: float) -> None:
        stub = self._connection.stubs.generator
        await stub.PutMedia(file.messages(), timeout=_left(deadline), metadata=call_metadata())


@contextmanager
def _own_errors() -> Iterator[None]:
    try:
        yield
    except aio.AioRpcError as failure:
        raise error_from_failure(failure) from None


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def error_from_failure(failure: aio.AioRpcError) -> SightlineError:
    """Returns the generator's own error, or what a bare status means."""
    own = error_from_rpc(failure)
    if own is not None:
        return own
    match failure.code():
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
            return NotReadyError("The model cannot be reached; try again.", retry_after_s=2.0)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineError("The answer was not ready in time; ask for a shorter one.")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return QueueFullError("The model has no room for this now.", retry_after_s=2.0)
    return InternalError(f"The generator failed with {failure.code().name}.")
