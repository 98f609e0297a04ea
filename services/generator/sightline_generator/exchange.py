"""One EncodeMedia call: asked by digest, then perhaps given the file, then read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import grpc
from grpc import aio
from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_common.channel import MAX_CHUNK_BYTES
from sightline_common.chunk_codec import ChunkCodec, Headed
from sightline_common.chunks import split_chunks
from sightline_common.errors import (
    EncoderUnavailableError,
    InvalidRequestError,
    NotReadyError,
    PayloadCorruptError,
)
from sightline_common.status import error_from_rpc

from sightline_generator.families.base import Family, MediaKind
from sightline_generator.feature_receiver import FeatureReceiver
from sightline_generator.media import EncodedMedium, Medium

if TYPE_CHECKING:
    from typing import TypeAlias

    Request: TypeAlias = encoder_pb2.EncodeMediaRequest | bytes
    Response: TypeAlias = (
        encoder_pb2.EncodeMediaResponse | memoryview | Headed[encoder_pb2.EncodeMediaResponse]
    )
    Call: TypeAlias = aio.StreamStreamCall[Request, Response]

REQUESTS = ChunkCodec(encoder_pb2.EncodeMediaRequest)
RESPONSES = ChunkCodec(encoder_pb2.EncodeMediaResponse)
END_TIMEOUT_S = 5.0
"""How long a call may take to end when all that was wanted of it has come."""
_KINDS = {
    MediaKind.IMAGE: media_pb2.MEDIA_KIND_IMAGE,
    MediaKind.VIDEO: media_pb2.MEDIA_KIND_VIDEO,
}


class EncoderLostError(Exception):
    """Means that an exchange broke off for no reason of the request's.

    `reported` is what the caller is told when no other encoder can help.
    """

    def __init__(self, detail: str, reported: EncoderUnavailableError | None = None) -> None:
        super().__init__(detail)
        self.reported = reported or EncoderUnavailableError(
            "The encoder cannot be reached; try again.", retry_after_s=2.0
        )


class Exchange:
    """A call about one medium; all methods raise EncoderLostError and the encoder's errors.

    In order: `ask`; when it says no, `decline`, or `upload` and `result`. `close` at any time.
    """

    def __init__(
        self, call: Call, medium: Medium, *, header_only: bool, fingerprint: str, family: Family
    ) -> None:
        self._call = call
        self._medium = medium
        self._header_only = header_only
        self._fingerprint = fingerprint
        self._family = family
        self._receiver: FeatureReceiver | None = None
        self._opening: asyncio.Timeout | None = None
        self._end = "The encoder is no longer named."

    async def ask(self) -> bool:
        """Returns whether the encoder has the features; otherwise it wants the file."""
        with self._errors():
            await self._open()
            response = await self._read()
            if _kind(response) == "bytes_wanted":
                return False
            self._take_header(response)
            return True

    async def decline(self) -> None:
        """Lets the encoder end the call: grpc keeps memory for each one that is cancelled."""
        if not self._call.done():
            with suppress(aio.AioRpcError, asyncio.InvalidStateError):
                await self._call.done_writing()

    async def upload(self) -> None:
        """Sends the file, which `ask` found to be wanted."""
        assert self._medium.data is not None, "only what is at hand can be sent"
        with self._errors():
            for chunk in split_chunks(memoryview(self._medium.data), MAX_CHUNK_BYTES):
                if not await _write(self._call, REQUESTS.message(chunk)):
                    return
            if not self._call.done():
                await self._call.done_writing()

    async def result(self) -> EncodedMedium:
        """Reads what the header promises; raises PayloadCorruptError, ModelMismatchError."""
        with self._errors():
            if self._receiver is None:
                self._take_header(await self._read())
            receiver = self._receiver
            assert receiver is not None
            while not receiver.is_complete and (response := await self._read()) is not None:
                receiver.add(_chunk(response))
        if self._header_only:
            return receiver.encoded(None)
        return receiver.encoded(receiver.features())

    def close(self) -> None:
        """Ends the call if it has not ended, or lets it end by itself when it is about to."""
        if self._receiver is not None and self._receiver.is_complete:
            _cancel_late(self._call)
        else:
            self._call.cancel()

    def break_off(self, detail: str) -> None:
        """Makes whoever waits for the encoder see that it is lost."""
        self._end = detail
        self._call.cancel()
        opening, self._opening = self._opening, None
        if opening is not None:
            # grpc's `write` does not see a call end before its metadata were sent (1.85).
            opening.reschedule(0.0)

    async def _open(self) -> None:
        """Sends the header; raises TimeoutError when it is broken off."""
        try:
            async with asyncio.timeout(None) as self._opening:
                await _write(self._call, encoder_pb2.EncodeMediaRequest(header=self._header()))
        finally:
            self._opening = None

    async def _read(self) -> Response | None:
        response = await self._call.read()
        if isinstance(response, (encoder_pb2.EncodeMediaResponse, memoryview, Headed)):
            return response
        return None

    def _take_header(self, response: Response | None) -> None:
        """Takes the header and, if the encoder joined it, the first chunk."""
        kind = _kind(response)
        head, chunk = response if isinstance(response, Headed) else (response, None)
        if not isinstance(head, encoder_pb2.EncodeMediaResponse) or kind != "header":
            raise PayloadCorruptError(f"The encoder sent {kind or 'an end'} instead of a header.")
        self._receiver = FeatureReceiver(
            head.header, self._fingerprint, self._family, header_only=self._header_only
        )
        # It is still in the message where fields lie between that are unknown here.
        if first := chunk or head.first_chunk:
            self._receiver.add(first)

    def _header(self) -> encoder_pb2.MediaHeader:
        medium = self._medium
        return encoder_pb2.MediaHeader(
            digest=medium.digest,
            byte_count=len(medium.data or b""),
            kind=_KINDS[medium.kind],
            options=medium.options,
            salt=medium.salt,
            header_only=self._header_only,
            checkpoint_fingerprint=self._fingerprint,
            takes_first_chunk=True,
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except aio.AioRpcError as failure:
            raise _error_of(failure, self._medium) from failure
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            # Nobody cancelled the asker: the call was ended under it.
            raise EncoderLostError(self._end) from None
        except TimeoutError:
            raise EncoderLostError(self._end) from None


def _error_of(failure: aio.AioRpcError, medium: Medium) -> Exception:
    error = error_from_rpc(failure)
    if isinstance(error, NotReadyError):
        loading = EncoderUnavailableError("The encoder is loading; try again.", retry_after_s=2.0)
        return EncoderLostError(error.message, loading)
    if error is not None:
        of_request = isinstance(error, InvalidRequestError)
        error.field = _request_field(medium, error.field) if of_request else ""
        return error
    if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return EncoderUnavailableError(
            "The encoder took too long; try again, or raise SIGHTLINE_GENERATOR_ENCODE_TIMEOUT_S.",
            retry_after_s=2.0,
        )
    return EncoderLostError(f"{failure.code().name}: {failure.details()}")


async def _write(call: Call, request: Request) -> bool:
    """Sends a message; False when the call is over, which reading will explain."""
    try:
        await call.write(request)
    except asyncio.InvalidStateError:
        return False
    return True


def _cancel_late(call: Call) -> None:
    """Cancels a call that does not end: its status is on its way, and nobody need wait for it."""
    if not call.done():
        timer = asyncio.get_running_loop().call_later(END_TIMEOUT_S, call.cancel)
        call.add_done_callback(lambda _: timer.cancel())


def _kind(response: Response | None) -> str | None:
    if response is None or isinstance(response, memoryview):
        return None if response is None else "chunk"
    message = response.message if isinstance(response, Headed) else response
    kind: str | None = message.WhichOneof("payload")
    return kind


def _chunk(response: Response) -> memoryview | bytes:
    if isinstance(response, memoryview):
        return response
    # A chunk beside fields that are unknown here.
    if isinstance(response, Headed) or _kind(response) != "chunk":
        raise PayloadCorruptError(f"The encoder sent {_kind(response)} out of order.")
    return response.chunk


def _request_field(medium: Medium, field: str) -> str:
    inner = field.removeprefix("header.") if field.startswith("header.") else ""
    return f"{medium.field}.{inner}" if inner else medium.field
