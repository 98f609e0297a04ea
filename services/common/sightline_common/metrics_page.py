"""The page of metrics, on a port of its own: HTTP that can do `GET /metrics` and no more."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from sightline_common.telemetry import log

PATH = "/metrics"
TIMEOUT_S = 10.0
MAX_HEAD_BYTES = 16 * 1024
_logger = logging.getLogger(__name__)


class MetricsPage:
    """Serves a registry as Prometheus' text, or as OpenMetrics (with exemplars) when asked.

    Runs in the event loop whose state the collectors read, so that none of it changes
    while they do. One answer a connection.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @asynccontextmanager
    async def serving(
        self, host: str, port: int, context: ssl.SSLContext | None = None
    ) -> AsyncIterator[int]:
        """Listens while it is open and yields the port; 0 lets the system choose."""
        server = await asyncio.start_server(
            self._answer, host, port, ssl=context, limit=MAX_HEAD_BYTES
        )
        bound = int(server.sockets[0].getsockname()[1])
        log(_logger, "metrics page", host=host, port=bound, tls=context is not None)
        try:
            yield bound
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, TimeoutError, ValueError, EOFError):
                async with asyncio.timeout(TIMEOUT_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._response(head.decode("latin-1")))
                    await writer.drain()
        except asyncio.LimitOverrunError:
            writer.write(_page("431 Request Header Fields Too Large"))
        finally:
            writer.close()

    def _response(self, head: str) -> bytes:
        line, *fields = head.split("\r\n")
        method, path, _version = line.split(" ", 2)
        if path.partition("?")[0] != PATH:
            return _page("404 Not Found")
        if method not in ("GET", "HEAD"):
            return _page("405 Method Not Allowed")
        encode, content_type = choose_encoder(_accepted(fields))
        body = encode(self._registry)
        return _page("200 OK", body, content_type, with_body=method == "GET")


def _accepted(fields: list[str]) -> str:
    pairs = (field.partition(":") for field in fields)
    return ",".join(value.strip() for name, _, value in pairs if name.lower() == "accept")


def _page(
    status: str, body: bytes = b"", content_type: str = "text/plain", *, with_body: bool = True
) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (body if with_body else b"")
