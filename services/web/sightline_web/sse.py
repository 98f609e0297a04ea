"""Server-sent events: an asynchronous iterator as a response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sightline_web.disconnect import ClientGoneError, unless_disconnected

KEEPALIVE_S = 15.0
KEEPALIVE = b": keepalive\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(data: str, *, name: str = "", event_id: str = "") -> bytes:
    """Formats one event; data may have several lines."""
    if not name and not event_id and "\n" not in data and "\r" not in data:
        return f"data: {data}\n\n".encode()
    lines = [f"event: {name}"] if name else []
    if event_id:
        lines.append(f"id: {event_id}")
    lines.extend(f"data: {line}" for line in data.replace("\r", "").split("\n"))
    return ("\n".join(lines) + "\n\n").encode()


class EventStreamResponse(Response):
    """Sends events as they come, comments in long silences, until the client leaves.

    The iterator is closed in every case, also when the client is gone before the
    first event.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes, None], headers: Mapping[str, str] | None = None
    ) -> None:
        self.events = events
        self.status_code = 200
        self.background = None
        self.init_headers({**_HEADERS, **(headers or {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_disconnected(receive, self._send_events(send))
        except ClientGoneError:
            pass
        finally:
            await self.events.aclose()

    async def _send_events(self, send: Send) -> None:
        headers = [item for item in self.raw_headers if item[0] != b"content-length"]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        body = _Body(send)
        keeping_alive = asyncio.create_task(body.keep_alive())
        try:
            async for chunk in self.events:
                await body.write(chunk)
        finally:
            keeping_alive.cancel()
            await asyncio.gather(keeping_alive, return_exceptions=True)
        await body.end()


class _Body:
    """The body of a response, chunk by chunk.

    One task for all of a stream's silences: waiting for each event with a time limit would cost a
    task and a timer an event.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._clock = asyncio.get_running_loop().time
        self._written_at = self._clock()

    async def write(self, chunk: bytes) -> None:
        self._written_at = self._clock()
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def keep_alive(self) -> None:
        """Writes a comment whenever nothing was written for a while, until it is cancelled."""
        while True:
            left = self._written_at + KEEPALIVE_S - self._clock()
            if left > 0:
                await asyncio.sleep(left)
            else:
                await self.write(KEEPALIVE)
