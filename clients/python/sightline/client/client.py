"""The client for programs without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar, Unpack

import grpc
from sightline.client.answer import GrowingAnswer
from sightline.client.base import BaseClient
from sightline.client.cancellation import Cancellation
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

    Call: TypeAlias = grpc._CallIterator[generator_pb2.GenerateTextResponse]

Result = TypeVar("Result")


class Answer(GrowingAnswer, AbstractContextManager["Answer", None]):
    """A streamed answer; iterate over its text, or `read()` it whole.

    The question is sent when the first piece is wanted. Leaving a `with` block, or a loop
    over the answer, before its end cancels it, and the server stops its work. Everything
    that reads raises SightlineError; what came before stays in `text`.
    """

    def __init__(self, messages: tuple[Message, ...], begin: Callable[[Answer], Call]) -> None:
        super().__init__(messages)
        self._begin = begin
        self._call: Call | None = None

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def __iter__(self) -> Iterator[str]:
        """Yields new text; whole characters only."""
        for delta in self.deltas():
            if delta.text:
                yield delta.text

    def deltas(self) -> Iterator[generator_pb2.Delta]:
        """Yields new text with all that comes beside it: reasoning, tool calls."""
        try:
            if self._call is None:
                self._call = self._begin(self)
            for response in self._call:
                delta = self._absorb(response)
                if delta is not None:
                    yield delta
            self._end()
        except grpc.RpcError as failure:
            self._fail(error_from_rpc(failure))
        except SightlineError as error:
            self._fail(error)
        finally:
            self._cancellation.hang_up()

    def read(self) -> str:
        """Waits for the end and returns the whole text."""
        for _delta in self.deltas():
            pass
        return self.text


class Client(BaseClient, AbstractContextManager["Client", None]):
    """Asks one generator, over one channel; several threads may share it.

    Every call ends within its `timeout_s`, waiting and trying again included.
    """

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all calls."""
        self._channel.close()

    def _connect(
        self, target: str, options: ChannelOptions, credentials: grpc.ChannelCredentials | None
    ) -> None:
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            self._channel = grpc.secure_channel(target, credentials, options)
        self._stub = generator_pb2_grpc.GeneratorServiceStub(self._channel)

    def ask(
        self, question: str, *, timeout_s: float | None = None, **asked: Unpack[Asked]
    ) -> Answer:
        """Asks about pictures, videos or text; raises OSError for files that cannot be read.

        `for text in client.ask("What is this?", images=["a.png"], max_tokens=100)`
        """
        said, options = split(asked)
        messages = conversation(question, said)
        request = self._manner.generate_request(messages, options)

        def begin(answer: Answer) -> Call:
            exchange = self._manner.exchange(request.messages, messages, timeout_s)
            return self._perform(
                exchange,
                lambda time_s: self._open(request, answer, time_s),
                answer._cancellation,
            )

        return Answer(messages, begin)

    def count_tokens(
        self, question: str, *, timeout_s: float | None = None, **said: Unpack[Said]
    ) -> generator_pb2.CountTokensResponse:
        """Counts the tokens that a question's prompt has; raises SightlineError and OSError."""
        messages = conversation(question, said)
        request = self._manner.count_request(messages)
        exchange = self._manner.exchange(request.messages, messages, timeout_s)
        return self._perform(
            exchange, lambda time_s: self._stub.CountTokens(request, timeout=time_s)
        )

    def model_info(self, *, timeout_s: float | None = None) -> generator_pb2.GetModelInfoResponse:
        """Describes the model that is served, its limits and defaults; raises SightlineError."""
        request = generator_pb2.GetModelInfoRequest()
        return self._perform(
            self._manner.exchange((), (), timeout_s),
            lambda time_s: self._stub.GetModelInfo(request, timeout=time_s),
        )

    def put_media(
        self, media: Media, *, timeout_s: float | None = None
    ) -> generator_pb2.PutMediaResponse:
        """Stores a file before anybody asks about it; raises SightlineError."""
        return self._perform(
            self._manner.exchange((), (), timeout_s),
            lambda time_s: self._put(media, time_s, Cancellation()),
        )

    def _perform(
        self,
        exchange: Exchange,
        send: Callable[[float], Result],
        cancellation: Cancellation | None = None,
    ) -> Result:
        cancellation = cancellation or Cancellation()
        wait_s = 0.0
        while True:
            cancellation.sleep(wait_s)
            try:
                for media in exchange.take_uploads():
                    self._put(media, exchange.time_left_s(), cancellation)
                return send(exchange.time_left_s())
            except grpc.RpcError as failure:
                wait_s = exchange.wait_s_after(error_from_rpc(failure))

    def _open(
        self, request: generator_pb2.GenerateTextRequest, answer: Answer, timeout_s: float
    ) -> Call:
        """Begins a stream; once it has started it is never begun again."""
        call = self._stub.GenerateText(request, timeout=timeout_s)
        started = next(answer._cancellation.follow(call), None)
        if started is None:
            raise cut_off_error()
        answer._absorb(started)
        return call

    def _put(
        self, media: Media, timeout_s: float, cancellation: Cancellation
    ) -> generator_pb2.PutMediaResponse:
        upload = media.upload(self._manner.cache_salt)
        call = cancellation.follow(self._stub.PutMedia.future(upload, timeout=timeout_s))
        try:
            return call.result()
        except grpc.FutureCancelledError:
            raise cancelled_error() from None
