"""The only gRPC client of this service: files to one encoder, features back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import grpc
from grpc import aio
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.config import SettingInvalidError
from sightline_common.connection import Connection
from sightline_common.errors import ModelMismatchError
from sightline_common.tls import ClientTls
from sightline_common.tracing import call_metadata

from sightline_generator.exchange import REQUESTS, RESPONSES, EncoderLostError, Exchange
from sightline_generator.families.base import Family
from sightline_generator.media import Medium

if TYPE_CHECKING:
    from sightline_generator.exchange import Request, Response

_SERVICE = encoder_pb2.DESCRIPTOR.services_by_name["EncoderService"]
_ENCODE_MEDIA = f"/{_SERVICE.full_name}/EncodeMedia"


class _Stubs(NamedTuple):
    encoder: encoder_pb2_grpc.EncoderServiceAsyncStub
    encode_media: aio.StreamStreamMultiCallable[Request, Response]

    @classmethod
    def on(cls, channel: aio.Channel) -> _Stubs:
        # Chunks pass protobuf by.
        encode_media = channel.stream_stream(_ENCODE_MEDIA, REQUESTS.serialize, RESPONSES.parse)
        return cls(encoder_pb2_grpc.EncoderServiceStub(channel), encode_media)


class EncoderClient:
    """One encoder behind one channel."""

    def __init__(
        self,
        target: str,
        fingerprint: str,
        family: Family,
        tls: ClientTls | None = None,
        server_name: str = "",
    ) -> None:
        self.target = target
        self._fingerprint = fingerprint
        self._family = family
        self._exchanges: set[Exchange] = set()
        self._connection = Connection(target, _Stubs.on, tls, server_name=server_name)

    async def close(self, grace_s: float | None = None) -> None:
        """Closes the channel when its calls have ended, or after `grace_s` seconds.

        When this is cancelled, calls end at once.
        """
        try:
            await self._connection.close(grace_s)
        finally:
            self.break_off("The encoder is no longer named.")

    async def probe(self, timeout_s: float) -> str:
        """Returns the encoder's feature fingerprint when it is ready and the right one.

        Raises EncoderLostError when it is not ready, TimeoutError when it does not say so,
        ModelMismatchError when it serves another checkpoint, and SettingInvalidError when
        something else answers.
        """
        try:
            request = encoder_pb2.GetModelInfoRequest()
            stub = self._connection.stubs.encoder
            info = await stub.GetModelInfo(request, timeout=timeout_s, metadata=call_metadata())
        except aio.AioRpcError as failure:
            raise self._error_of(failure) from failure
        self._check(info)
        return info.feature_fingerprint

    async def cache_statistics(
        self, timeout_s: float
    ) -> encoder_pb2.GetCacheStatisticsResponse | None:
        """Returns what the encoder says of its cache, or None when it says nothing in time."""
        try:
            request = encoder_pb2.GetCacheStatisticsRequest()
            stub = self._connection.stubs.encoder
            return await stub.GetCacheStatistics(
                request, timeout=timeout_s, metadata=call_metadata()
            )
        except (aio.AioRpcError, aio.UsageError):
            return None

    def exchange(self, medium: Medium, timeout_s: float, *, header_only: bool) -> Exchange:
        """Opens a call about a medium; `end` it. Raises EncoderLostError after `close`."""
        try:
            encode_media = self._connection.stubs.encode_media
            call = encode_media(timeout=timeout_s, metadata=call_metadata())
        except aio.UsageError as closed:
            raise EncoderLostError("The encoder is no longer named.") from closed
        exchange = Exchange(
            call,
            medium,
            header_only=header_only,
            fingerprint=self._fingerprint,
            family=self._family,
        )
        self._exchanges.add(exchange)
        return exchange

    def end(self, exchange: Exchange) -> None:
        """Closes an exchange, whether it is over or not."""
        self._exchanges.discard(exchange)
        exchange.close()

    def break_off(self, detail: str) -> None:
        """Makes all that wait for this encoder go elsewhere."""
        for exchange in self._exchanges:
            exchange.break_off(detail)

    def _error_of(self, failure: aio.AioRpcError) -> Exception:
        if failure.code() is grpc.StatusCode.UNIMPLEMENTED:
            return SettingInvalidError(
                f"SIGHTLINE_ENCODER_TARGET: what answers at {self.target} is no encoder; "
                "check host and port."
            )
        if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return TimeoutError()
        return EncoderLostError(f"{failure.code().name}: {failure.details()}")

    def _check(self, info: encoder_pb2.GetModelInfoResponse) -> None:
        if info.checkpoint_fingerprint != self._fingerprint:
            raise ModelMismatchError(
                "Encoder and generator need one SIGHTLINE_MODEL: "
                f"{info.checkpoint_fingerprint} at {self.target}, {self._fingerprint} here.",
                metadata={"encoder": info.checkpoint_fingerprint, "own": self._fingerprint},
            )
        if info.hidden_size != self._family.shape.hidden_size:
            raise ModelMismatchError(
                f"The encoder's features are {info.hidden_size} wide, the language model is "
                f"{self._family.shape.hidden_size}; the checkpoint is inconsistent."
            )
