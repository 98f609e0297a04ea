"""Bounds on the bytes of a request, counted before anything reads them."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline_web.middleware.refusal import refusal
from sightline_web.openai.errors import ApiError

MAX_HEADER_BYTES = 16 * 1024


class BodyLimitMiddleware:
    """Refuses headers, and a body, chunked or not, that are too large.

    As much again is read and dropped first, so that a client which is still sending
    meets the answer and not a closed connection.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        body = _CountedBody(receive, self._max_bytes)
        try:
            _check_headers(scope)
            await body.check_declared(Headers(scope=scope).get("content-length", "0"))
        except ApiError as error:
            return await refusal(scope, error)(scope, receive, send)
        await self._app(scope, body.receive, send)


class _CountedBody:
    """Raises ApiError 413 where the application would read one byte too many."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._byte_count = 0
        self._ended = False

    async def check_declared(self, content_length: str) -> None:
        if not content_length.isdecimal() or int(content_length[:20]) > self._max_bytes:
            await self._refuse()

    async def receive(self) -> Message:
        message = await self._receive()
        self._count(message)
        if self._byte_count > self._max_bytes:
            await self._refuse()
        return message

    async def _refuse(self) -> None:
        while not self._ended and self._byte_count <= 2 * self._max_bytes:
            self._count(await self._receive())
        raise ApiError(
            f"The request exceeds {_amount(self._max_bytes)}; send fewer or smaller pictures.",
            http_status=413,
            code="request_too_large",
        )

    def _count(self, message: Message) -> None:
        self._byte_count += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)


def _check_headers(scope: Scope) -> None:
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
        raise ApiError(
            f"The request's headers exceed {MAX_HEADER_BYTES} bytes.",
            http_status=431,
            code="headers_too_large",
        )


def _amount(byte_count: int) -> str:
    mebibytes = byte_count // 2**20
    return f"{mebibytes} MiB" if mebibytes else f"{byte_count} bytes"
