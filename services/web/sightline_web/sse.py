"""Server-sent events: an asynchronous iterator as a response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sightline_web.disconnect import ClientGoneError, unless_disconnected

KEEPALIVE_S = 15.0
KEEPALIVE = b": keepalive\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(data: str, *, name: str = "", event_id: str = "") -> bytes:
    """Formats one event; data may have several lines."""
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
        async with aclosing(_with_keepalives(self.events)) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _with_keepalives(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    while True:
        following = asyncio.ensure_future(anext(events, None))
        try:
            while not (await asyncio.wait({following}, timeout=KEEPALIVE_S))[0]:
                yield KEEPALIVE
            chunk = following.result()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        if chunk is None:
            return
        yield chunk
