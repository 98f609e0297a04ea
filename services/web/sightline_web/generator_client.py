"""The only gRPC in this service: questions to the generator, its errors as our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES, open_channel
from sightline_common.errors import (
    DeadlineError,
    InternalError,
    MediaTooLargeError,
    NotReadyError,
    QueueFullError,
    SightlineError,
)
from sightline_common.interceptors import REQUEST_ID_KEY
from sightline_common.status import error_from_rpc
from sightline_common.telemetry import request_id

UNARY_TIMEOUT_S = 5.0
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

    async def is_ready(self) -> bool:
        """Tells whether requests would be accepted now; raises nothing."""
        ...


class GrpcGenerator:
    """The generator service behind one channel, whose ready addresses take turns."""

    def __init__(self, target: str, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        self._channel = open_channel(target, max_message_bytes, is_balanced=True)
        self._stub = generator_pb2_grpc.GeneratorServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def generate_text(
        self, request: generator_pb2.GenerateTextRequest, timeout_s: float
    ) -> AsyncIterator[generator_pb2.GenerateTextResponse]:
        self._check_size(request)
        call = self._stub.GenerateText(request, timeout=timeout_s, metadata=_metadata())
        try:
            async for response in call:
                yield response
        except aio.AioRpcError as failure:
            raise error_from_failure(failure) from None
        finally:
            call.cancel()

    async def model_info(self) -> generator_pb2.GetModelInfoResponse:
        request = generator_pb2.GetModelInfoRequest()
        try:
            return await self._stub.GetModelInfo(
                request, timeout=UNARY_TIMEOUT_S, metadata=_metadata()
            )
        except aio.AioRpcError as failure:
            raise error_from_failure(failure) from None

    async def is_ready(self) -> bool:
        try:
            request = health_pb2.HealthCheckRequest()
            answer = await self._health.Check(request, timeout=UNARY_TIMEOUT_S)
        except aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def _check_size(self, request: generator_pb2.GenerateTextRequest) -> None:
        limit = self._max_message_bytes - _ENVELOPE_BYTES
        if request.ByteSize() > limit:
            raise MediaTooLargeError(
                f"The conversation with its pictures exceeds {limit // 2**20} MiB;"
                " send fewer or smaller pictures."
            )


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


def _metadata() -> aio.Metadata:
    current = request_id.get()
    return aio.Metadata((REQUEST_ID_KEY, current)) if current else aio.Metadata()
