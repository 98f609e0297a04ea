"""What every RPC of every service passes: request id, readiness, error mapping."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from grpc import aio

from sightline_common.errors import InternalError, NotReadyError, SightlineError
from sightline_common.status import STATUS_DETAILS_KEY, status_code, status_details
from sightline_common.telemetry import log, request_id

REQUEST_ID_KEY = "x-request-id"
HEAR_OUT_TIMEOUT_S = 2.0
HEAR_OUT_PAUSE_S = 0.1
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_UNGATED_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")
_logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
    Context: TypeAlias = aio.ServicerContext[Any, Any]
    Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]


async def abort_with_error(context: Context, error: SightlineError) -> None:
    """Ends an RPC with the status and details of an error."""
    metadata = ((STATUS_DETAILS_KEY, status_details(error)),)
    await context.abort(status_code(error), error.message, metadata)


class ReadinessInterceptor(aio.ServerInterceptor):
    """Refuses every RPC but health and reflection until `open_gate` is called."""

    def __init__(self) -> None:
        self._open = False

    def open_gate(self) -> None:
        self._open = True

    def close_gate(self) -> None:
        self._open = False

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        if self._open or handler_call_details.method.startswith(_UNGATED_PREFIXES):
            return await continuation(handler_call_details)
        return grpc.stream_stream_rpc_method_handler(_refuse_not_ready)


async def _refuse_not_ready(requests: AsyncIterator[Any], context: Context) -> None:
    error = NotReadyError("The server is loading or draining; try again.", retry_after_s=2.0)
    await abort_with_error(context, error)


class ErrorInterceptor(aio.ServerInterceptor):
    """Maps exceptions of handlers to statuses; unknown ones to a fixed INTERNAL.

    Handlers are coroutines (unary response) or asynchronous generators (streamed
    response); a generator is closed when its RPC ends for whatever reason.
    """

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(_UNGATED_PREFIXES):
            return handler
        caller_id = _caller_request_id(handler_call_details)
        return _guarded(handler, method, caller_id)


def _caller_request_id(details: grpc.HandlerCallDetails) -> str:
    for key, value in details.invocation_metadata or ():
        if key == REQUEST_ID_KEY and _REQUEST_ID.fullmatch(str(value)):
            return str(value)
    return uuid.uuid4().hex


def _guarded(handler: Handler, method: str, caller_id: str) -> Handler:
    if handler.response_streaming:
        behavior: Any = handler.stream_stream or handler.unary_stream
        guard: Any = _guard_stream(behavior, method, caller_id)
    else:
        behavior = handler.stream_unary or handler.unary_unary
        guard = _guard_unary(behavior, method, caller_id)
    make = _HANDLER_FACTORIES[handler.request_streaming, handler.response_streaming]
    guarded: Handler = make(
        guard,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return guarded


_HANDLER_FACTORIES: dict[tuple[bool, bool], Callable[..., Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _guard_unary(behavior: Any, method: str, caller_id: str) -> Any:
    async def guard(request: Any, context: Context) -> Any:
        request_id.set(caller_id)
        try:
            return await behavior(request, context)
        except Exception as error:
            await _hear_out(request)
            await abort_with_error(context, _as_reported(error, method))

    return guard


def _guard_stream(behavior: Any, method: str, caller_id: str) -> Any:
    async def guard(request: Any, context: Context) -> AsyncIterator[Any]:
        request_id.set(caller_id)
        try:
            async with aclosing(behavior(request, context)) as responses:
                async for response in responses:
                    yield response
        except Exception as error:
            await _hear_out(request)
            await abort_with_error(context, _as_reported(error, method))

    return guard


async def _hear_out(request: Any) -> None:
    """Reads a stream of requests on until it ends or pauses; a single request is there already.

    An asyncio client whose write meets an ended call reports INTERNAL in place of the
    status that it was sent (https://github.com/grpc/grpc/issues/36066).
    """
    if not isinstance(request, AsyncIterator):
        return
    with suppress(TimeoutError, aio.UsageError):
        async with asyncio.timeout(HEAR_OUT_TIMEOUT_S):
            while True:
                try:
                    await asyncio.wait_for(anext(request), HEAR_OUT_PAUSE_S)
                except StopAsyncIteration:
                    return


def _as_reported(error: Exception, method: str) -> SightlineError:
    if isinstance(error, SightlineError):
        # The message may repeat the caller's words, which no log may hold.
        log(_logger, "rpc refused", method=method, reason=error.reason, field=error.field)
        return error
    if isinstance(error, (aio.AbortError, asyncio.CancelledError)):
        raise error
    _logger.error("rpc failed", exc_info=error, extra={"fields": {"method": method}})
    return InternalError("The server failed; its log has the details.")
