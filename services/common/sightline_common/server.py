"""A gRPC server's life: start, load, serve, drain, stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES, KEEPALIVE_OPTIONS
from sightline_common.deferred import DeferredHandlers
from sightline_common.errors import NotReadyError
from sightline_common.health_port import health_port
from sightline_common.interceptors import (
    HEAR_OUT_TIMEOUT_S,
    ErrorInterceptor,
    ReadinessInterceptor,
)
from sightline_common.loaded_heap import settle
from sightline_common.metrics_page import MetricsPage
from sightline_common.server_calls import ServerCalls
from sightline_common.telemetry import log
from sightline_common.tls import ServerTls

LIVENESS_SERVICE = "liveness"
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
STOP_GRACE_S = HEAR_OUT_TIMEOUT_S + 1.0
"""For the last messages of RPCs that were ended, uploads that are heard out included."""
_logger = logging.getLogger(__name__)

CHECK_PAUSE_S = 1.0

Register = Callable[[aio.Server], None]
Check = Callable[[], Awaitable[None]]
"""Raises NotReadyError, or whatever else, while a loaded service cannot do its work."""


@dataclass(frozen=True)
class ServerOptions:
    """Says where a server listens and how it stops.

    `port` 0 lets the system choose; `drain_s` (seconds) bounds how long running
    RPCs may take after a stop was asked for. `health_port` serves health in plaintext and
    `metrics_port` the page of metrics; 0 means neither.
    """

    service_name: str
    host: str = "127.0.0.1"
    port: int = 0
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES
    drain_s: float = 30.0
    tls: ServerTls | None = None
    health_port: int = 0
    metrics_port: int = 0


class GrpcServer:
    """A server with health and reflection that is NOT_SERVING until `set_ready`.

    Health has three names: "" and the service's own name follow readiness;
    "liveness" is SERVING as long as the event loop turns.
    """

    def __init__(self, options: ServerOptions, registry: CollectorRegistry | None = None) -> None:
        self.options = options
        self.registry = registry or CollectorRegistry()
        self._calls = ServerCalls(self.registry, options.service_name)
        self._readiness = ReadinessInterceptor(self._calls)
        self._handlers = DeferredHandlers()
        self._server = aio.server(
            handlers=[self._handlers],
            interceptors=[self._readiness, ErrorInterceptor(self._calls)],
            options=_server_options(options.max_message_bytes),
        )
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [options.service_name, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server)
        self.port = self._listen(f"{options.host}:{options.port}")
        self._beside = AsyncExitStack()

    def _listen(self, address: str) -> int:
        if self.options.tls is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, self.options.tls.credentials())

    async def start(self) -> None:
        await self._set_health(_NOT_SERVING)
        await self._health.set(LIVENESS_SERVICE, _SERVING)
        await self._server.start()
        await self._open_ports()
        log(
            _logger,
            "listening",
            host=self.options.host,
            port=self.port,
            tls=self.options.tls is not None,
        )

    async def _open_ports(self) -> None:
        """Opens what is beside the service's own port."""
        options = self.options
        if options.health_port:
            opening = health_port(self._health, options.host, options.health_port)
            await self._beside.enter_async_context(opening)
        if options.metrics_port:
            context = options.tls.context() if options.tls else None
            page = MetricsPage(self.registry).serving(options.host, options.metrics_port, context)
            await self._beside.enter_async_context(page)

    async def set_ready(self, register: Register) -> None:
        """Adds the servicer, opens the gate, and reports SERVING."""
        register(cast(aio.Server, self._handlers))
        self._readiness.open_gate()
        await self._set_health(_SERVING)
        log(_logger, "ready", port=self.port)

    @asynccontextmanager
    async def following(self, check: Check | None) -> AsyncIterator[None]:
        """Lets health say, while the block runs, whether the service can do its work."""
        following = asyncio.create_task(self._follow(check)) if check else None
        try:
            yield
        finally:
            if following is not None:
                following.cancel()
                await asyncio.wait([following])

    async def _follow(self, check: Check) -> None:
        was_well = True
        while True:
            await asyncio.sleep(CHECK_PAUSE_S)
            fault = await _fault(check)
            if (fault is None) is not was_well:
                was_well = fault is None
                _log_change(fault)
                await self._set_health(_SERVING if was_well else _NOT_SERVING)

    async def stop(self) -> None:
        """Reports NOT_SERVING, refuses new RPCs, lets running ones finish, and ends the rest.

        Health is told, and refusals say why, until nothing runs any more.
        """
        await self._set_health(_NOT_SERVING)
        self._readiness.close_gate()
        await self._calls.drain(self.options.drain_s)
        await self._server.stop(STOP_GRACE_S)
        await self._beside.aclose()
        log(_logger, "stopped")

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", self.options.service_name):
            await self._health.set(name, status)


def _server_options(max_message_bytes: int) -> Sequence[tuple[str, int]]:
    return [
        *KEEPALIVE_OPTIONS,
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.so_reuseport", 0),
    ]


def leave_at_once() -> None:
    """Ends the process without waiting for a thread that imports or reads weights."""
    logging.shutdown()
    os._exit(0)


async def run_server(
    options: ServerOptions,
    load: Callable[[], AbstractAsyncContextManager[Register]],
    failure: asyncio.Future[None] | None = None,
    registry: CollectorRegistry | None = None,
    check: Check | None = None,
    leave: Callable[[], None] = leave_at_once,
) -> None:
    """Serves until SIGTERM or SIGINT.

    `load` opens everything the servicer needs, which may take long while health
    says NOT_SERVING, and yields the function that registers the servicer. It is
    left after the server has drained. `failure` gets an exception from what cannot
    go on: the server stops and raises it. `registry` has the metrics that `load` adds.
    `check` is asked every second, and health says NOT_SERVING while it raises. `leave` is
    called when a stop was asked for before everything was loaded.
    """
    stop_asked = _stop_on_signals()
    server = GrpcServer(options, registry)
    await server.start()
    try:
        async with _unless_stopped(load(), stop_asked) as register:
            if register is not None:
                settle()
                await server.set_ready(register)
                async with server.following(check):
                    await _until_stop_or_failure(stop_asked, failure)
            await server.stop()
    except BaseException:
        await server.stop()
        raise
    if register is None:
        leave()
    if failure is not None and failure.done():
        failure.result()


async def _fault(check: Check) -> Exception | None:
    """Returns what keeps a service from its work; a check that fails is a fault too."""
    try:
        await check()
    except Exception as fault:
        return fault
    return None


def _log_change(fault: Exception | None) -> None:
    if fault is None:
        log(_logger, "serving again")
    elif isinstance(fault, NotReadyError):
        log(_logger, "not serving", logging.WARNING, detail=fault.message)
    else:
        _logger.error("not serving: its check fails", exc_info=fault)


async def _until_stop_or_failure(
    stop_asked: asyncio.Event, failure: asyncio.Future[None] | None
) -> None:
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop_asked.wait())
    awaited = {stopping} if failure is None else {stopping, failure}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


@asynccontextmanager
async def _unless_stopped(
    loading: AbstractAsyncContextManager[Register], stop_asked: asyncio.Event
) -> AsyncIterator[Register | None]:
    async with AsyncExitStack() as stack:
        entering = asyncio.ensure_future(stack.enter_async_context(loading))
        await _first_of(entering, stop_asked)
        yield None if stop_asked.is_set() else entering.result()


async def _first_of(loading: asyncio.Future[Any], stop_asked: asyncio.Event) -> None:
    """Waits for loading, which is cancelled when a stop is asked for.

    It may wait for something that never comes, such as another service.
    """
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop_asked.wait())
    try:
        await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        loading.cancel()
        await asyncio.wait({loading})


def _stop_on_signals() -> asyncio.Event:
    stop_asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_asked.set)
    return stop_asked
