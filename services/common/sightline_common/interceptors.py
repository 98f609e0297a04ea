"""What every RPC of every service passes: readiness, request id, counting, error mapping."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from grpc import aio

from sightline_common.errors import InternalError, NotReadyError, SightlineError
from sightline_common.server_calls import ServerCall, ServerCalls
from sightline_common.status import STATUS_DETAILS_KEY, status_code, status_details
from sightline_common.telemetry import log

HEAR_OUT_TIMEOUT_S = 2.0
HEAR_OUT_PAUSE_S = 0.1
_UNGATED_PREFIXES = ("/grpc.health.v1.", "/grpc.reflection.")
_logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
    Context: TypeAlias = aio.ServicerContext[Any, Any]
    Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]
    Observe: TypeAlias = Callable[[Context], ServerCall]


async def abort_with_error(context: Context, error: SightlineError) -> None:
    """Ends an RPC with the status and details of an error."""
    metadata = ((STATUS_DETAILS_KEY, status_details(error)),)
    await context.abort(status_code(error), error.message, metadata)


class ReadinessInterceptor(aio.ServerInterceptor):
    """Refuses every RPC but health and reflection until `open_gate` is called."""

    def __init__(self, calls: ServerCalls) -> None:
        self._open = False
        self._calls = calls

    def open_gate(self) -> None:
        self._open = True

    def close_gate(self) -> None:
        self._open = False

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        if self._open or handler_call_details.method.startswith(_UNGATED_PREFIXES):
            return await continuation(handler_call_details)
        method = handler_call_details.method
        return grpc.stream_stream_rpc_method_handler(_not_ready(self._calls, method))


def _not_ready(calls: ServerCalls, method: str) -> Any:
    async def refuse(requests: AsyncIterator[Any], context: Context) -> None:
        error = NotReadyError("The server is loading or draining; try again.", retry_after_s=2.0)
        with calls.call(method, context) as call:
            call.refused(error)
            await _hear_out(requests)
            await abort_with_error(context, error)

    return refuse


class ErrorInterceptor(aio.ServerInterceptor):
    """Maps exceptions of handlers to statuses; unknown ones to a fixed INTERNAL.

    Handlers are coroutines (unary response) or asynchronous generators (streamed
    response); a generator is closed when its RPC ends for whatever reason.
    """

    def __init__(self, calls: ServerCalls) -> None:
        self._calls = calls
        self._known: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(_UNGATED_PREFIXES):
            return handler
        known, guarded = self._known.get(method, (None, handler))
        if known is not handler:
            guarded = _guarded(handler, lambda context: self._calls.call(method, context))
            self._known[method] = handler, guarded
        return guarded


def _guarded(handler: Handler, observe: Observe) -> Handler:
    if handler.response_streaming:
        behavior: Any = handler.stream_stream or handler.unary_stream
        guard: Any = _guard_stream(behavior, observe)
    else:
        behavior = handler.stream_unary or handler.unary_unary
        guard = _guard_unary(behavior, observe)
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


def _guard_unary(behavior: Any, observe: Observe) -> Any:
    async def guard(request: Any, context: Context) -> Any:
        try:
            with observe(context) as call:
                try:
                    return await behavior(request, context)
                except (Exception, asyncio.CancelledError) as error:
                    await _refuse(context, call, error, request)
        finally:
            await _close(request)

    return guard


def _guard_stream(behavior: Any, observe: Observe) -> Any:
    async def guard(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            with observe(context) as call:
                try:
                    async with aclosing(behavior(request, context)) as responses:
                        async for response in responses:
                            yield response
                except (Exception, asyncio.CancelledError) as error:
                    await _refuse(context, call, error, request)
        finally:
            await _close(request)

    return guard


async def _close(request: Any) -> None:
    """Ends the reading of requests that a handler left unread, when its answer has ended.

    grpc ties an unfinished reader to itself and to its call: kilobytes that would wait for the
    garbage collector's rarest pass.
    """
    reader = aiter(request) if isinstance(request, AsyncIterator) else None
    if isinstance(reader, AsyncGenerator):
        await reader.aclose()


async def _refuse(context: Context, call: ServerCall, error: BaseException, request: Any) -> None:
    ended = isinstance(error, asyncio.CancelledError) and call.was_ended_by_server()
    reported = _stopping() if ended else _as_reported(error, call.method)
    call.refused(reported)
    await _hear_out(request)
    await abort_with_error(context, reported)


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


def _stopping() -> SightlineError:
    return NotReadyError("The server is stopping; try again.", retry_after_s=2.0)


def _as_reported(error: BaseException, method: str) -> SightlineError:
    if isinstance(error, SightlineError):
        # The message may repeat the caller's words, which no log may hold.
        level = logging.DEBUG if error.is_routine else logging.INFO
        log(_logger, "rpc refused", level, method=method, reason=error.reason, field=error.field)
        return error
    if isinstance(error, (aio.AbortError, asyncio.CancelledError)):
        raise error
    _logger.error("rpc failed", exc_info=error, extra={"fields": {"method": method}})
    return InternalError("The server failed; its log has the details.")
