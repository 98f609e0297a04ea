"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

import grpc
from grpc import aio
from sightline.client.answer import GrowingAnswer
from sightline.client.base import BaseClient
from sightline.client.cancellation import Cancellable
from sightline.client.channel import ChannelOptions
from sightline.client.errors import (
    SightlineError,
    cancelled_error,
    cut_off_error,
    error_from_rpc,
)
from sightline.client.exchange import Exchange
from sightline.client.media import Media
from sightline.client.message import Message
from sightline.client.question import Asked, Said, conversation, split
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc

if TYPE_CHECKING:
    from typing import TypeAlias

    Call: TypeAlias = aio.UnaryStreamCall[
        generator_pb2.GenerateTextRequest, generator_pb2.GenerateTextResponse
    ]

Result = TypeVar("Result")


class OnLoop:
    """A task or a call of the event loop that runs now, as any thread may cancel it."""

    def __init__(self, work: Cancellable) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()

    def cancel(self) -> None:
        """Has the loop cancel it soon; a loop that is closed has nothing under way."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._work.cancel)


@contextmanager
def typed_errors() -> Iterator[None]:
    """Raises SightlineError for calls that fail, and for calls that are cancelled.

    Tasks that are cancelled go on raising CancelledError, which is what calls raise, too.
    """
    try:
        yield
    except aio.AioRpcError as failure:
        raise error_from_rpc(failure) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise cancelled_error() from None


class AsyncAnswer(GrowingAnswer, AbstractAsyncContextManager["AsyncAnswer", None]):
    """A streamed answer; iterate over its text, or `read()` it whole.

    The question is sent when the first piece is wanted. Leaving a `with` block, or a loop
    over the answer, before its end cancels it, and the server stops its work. Everything
    that reads raises SightlineError; what came before stays in `text`.
    """

    def __init__(
        self,
        messages: tuple[Message, ...],
        begin: Callable[[AsyncAnswer], Coroutine[Any, Any, Call]],
    ) -> None:
        super().__init__(messages)
        self._begin = begin
        self._call: Call | None = None

    async def __aexit__(self, *_: object) -> None:
        self.cancel()

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yields new text; whole characters only."""
        async for delta in self.deltas():
            if delta.text:
                yield delta.text

    async def deltas(self) -> AsyncIterator[generator_pb2.Delta]:
        """Yields new text with all that comes beside it: reasoning, tool calls."""
        try:
            with typed_errors():
                async for response in await self._opened():
                    delta = self._absorb(response)
                    if delta is not None:
                        yield delta
            self._end()
        except SightlineError as error:
            self._fail(error)
        finally:
            self._cancellation.hang_up()

    async def read(self) -> str:
        """Waits for the end and returns the whole text."""
        async for _delta in self.deltas():
            pass
        return self.text

    async def _opened(self) -> Call:
        if self._call is None:
            self._cancellation.sleep(0)
            beginning = asyncio.create_task(self._begin(self))
            self._cancellation.follow(OnLoop(beginning))
            self._call = await beginning
            self._cancellation.follow(OnLoop(self._call))
        return self._call


class AsyncClient(BaseClient, AbstractAsyncContextManager["AsyncClient", None]):
    """Asks one generator, over one channel of the event loop that runs when it is made.

    Every call ends within its `timeout_s`, waiting and trying again included.
    """

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all calls."""
        await self._channel.close()

    def _connect(
        self, target: str, options: ChannelOptions, credentials: grpc.ChannelCredentials | None
    ) -> None:
        if credentials is None:
            self._channel = aio.insecure_channel(target, options)
        else:
            self._channel = aio.secure_channel(target, credentials, options)
        self._stub: generator_pb2_grpc.GeneratorServiceAsyncStub
        self._stub = generator_pb2_grpc.GeneratorServiceStub(self._channel)

    def ask(
        self, question: str, *, timeout_s: float | None = None, **asked: Unpack[Asked]
    ) -> AsyncAnswer:
        """Asks about pictures, videos or text; raises OSError for files that cannot be read.

        `async for text in client.ask("What is this?", images=["a.png"], max_tokens=100)`
        """
        said, options = split(asked)
        messages = conversation(question, said)
        request = self._manner.generate_request(messages, options)

        async def begin(answer: AsyncAnswer) -> Call:
            exchange = self._manner.exchange(request.messages, messages, timeout_s)
            return await self._perform(exchange, lambda time_s: self._open(request, answer, time_s))

        return AsyncAnswer(messages, begin)

    async def count_tokens(
        self, question: str, *, timeout_s: float | None = None, **said: Unpack[Said]
    ) -> generator_pb2.CountTokensResponse:
        """Counts the tokens that a question's prompt has; raises SightlineError and OSError."""
        messages = conversation(question, said)
        request = self._manner.count_request(messages)
        exchange = self._manner.exchange(request.messages, messages, timeout_s)
        return await self._perform(
            exchange, lambda time_s: self._stub.CountTokens(request, timeout=time_s)
        )

    async def model_info(
        self, *, timeout_s: float | None = None
    ) -> generator_pb2.GetModelInfoResponse:
        """Describes the model that is served, its limits and defaults; raises SightlineError."""
        request = generator_pb2.GetModelInfoRequest()
        return await self._perform(
            self._manner.exchange((), (), timeout_s),
            lambda time_s: self._stub.GetModelInfo(request, timeout=time_s),
        )

    async def put_media(
        self, media: Media, *, timeout_s: float | None = None
    ) -> generator_pb2.PutMediaResponse:
        """Stores a file before anybody asks about it; raises SightlineError."""
        return await self._perform(
            self._manner.exchange((), (), timeout_s), lambda time_s: self._put(media, time_s)
        )

    async def _perform(
        self, exchange: Exchange, send: Callable[[float], Awaitable[Result]]
    ) -> Result:
        while True:
            try:
                with typed_errors():
                    for media in exchange.take_uploads():
                        await self._put(media, exchange.time_left_s())
                    return await send(exchange.time_left_s())
            except SightlineError as error:
                wait_s = exchange.wait_s_after(error)
            await asyncio.sleep(wait_s)

    async def _open(
        self, request: generator_pb2.GenerateTextRequest, answer: AsyncAnswer, timeout_s: float
    ) -> Call:
        """Begins a stream; once it has started it is never begun again."""
        call = self._stub.GenerateText(request, timeout=timeout_s)
        started = await anext(aiter(call), None)
        if started is None:
            raise cut_off_error()
        answer._absorb(started)
        return call

    async def _put(self, media: Media, timeout_s: float) -> generator_pb2.PutMediaResponse:
        return await self._stub.PutMedia(media.upload(self._manner.cache_salt), timeout=timeout_s)
