"""The only gRPC client of this service: files to the encoder, features back."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import grpc
import torch
from grpc import aio
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline.type.v1 import media_pb2
from sightline_common.channel import open_channel
from sightline_common.config import SettingInvalidError
from sightline_common.digest import sha256_digest
from sightline_common.errors import (
    EncoderUnavailableError,
    InvalidRequestError,
    ModelMismatchError,
    NotReadyError,
    PayloadCorruptError,
)
from sightline_common.interceptors import REQUEST_ID_KEY
from sightline_common.status import error_from_rpc
from sightline_common.telemetry import log, request_id
from sightline_common.tensors import spec_byte_count, split_chunks, tensors_from_payload

from sightline_generator.families.base import Family, MediaKind, MediumGrid
from sightline_generator.media import BytesWantedError, EncodedMedium, Medium

if TYPE_CHECKING:
    from typing import TypeAlias

    Call: TypeAlias = aio.StreamStreamCall[
        encoder_pb2.EncodeMediaRequest, encoder_pb2.EncodeMediaResponse
    ]

NUM_ATTEMPTS = 2
PROBE_TIMEOUT_S = 5.0
PROBE_PAUSE_S = 0.2
_KINDS = {
    MediaKind.IMAGE: media_pb2.MEDIA_KIND_IMAGE,
    MediaKind.VIDEO: media_pb2.MEDIA_KIND_VIDEO,
}
_logger = logging.getLogger(__name__)


class _TransportError(Exception):
    """Means that an exchange broke off for no reason of the request's."""


class EncoderClient:
    """Exchanges media for features over one channel; everything received is checked.

    A broken exchange or a corrupt payload is tried once more; the encoder finds by
    digest what it already has, so that a second try is harmless.
    """

    def __init__(self, target: str, fingerprint: str, family: Family, timeout_s: float) -> None:
        self._target = target
        self._fingerprint = fingerprint
        self._family = family
        self._timeout_s = timeout_s
        self._channel = open_channel(target)
        self._stub = encoder_pb2_grpc.EncoderServiceStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def wait_until_ready(self) -> None:
        """Waits for the encoder, however long it loads.

        Raises ModelMismatchError when it serves another checkpoint, and SettingInvalidError
        when something else answers.
        """
        info = await self._first_info()
        if info.checkpoint_fingerprint != self._fingerprint:
            raise ModelMismatchError(
                "Encoder and generator need one SIGHTLINE_MODEL: "
                f"{info.checkpoint_fingerprint} at {self._target}, {self._fingerprint} here.",
                metadata={"encoder": info.checkpoint_fingerprint, "own": self._fingerprint},
            )
        if info.hidden_size != self._family.shape.hidden_size:
            raise ModelMismatchError(
                f"The encoder's features are {info.hidden_size} wide, the language model is "
                f"{self._family.shape.hidden_size}; the checkpoint is inconsistent."
            )

    async def _first_info(self) -> encoder_pb2.GetModelInfoResponse:
        waiting = False
        while True:
            try:
                request = encoder_pb2.GetModelInfoRequest()
                return await self._stub.GetModelInfo(request, timeout=PROBE_TIMEOUT_S)
            except aio.AioRpcError as failure:
                if failure.code() is grpc.StatusCode.UNIMPLEMENTED:
                    raise SettingInvalidError(
                        f"SIGHTLINE_ENCODER_TARGET={self._target}: what answers there is no "
                        "encoder; check host and port."
                    ) from failure
                if not waiting:
                    log(_logger, "waiting for the encoder", target=self._target)
                    waiting = True
                log(_logger, "encoder not ready", logging.DEBUG, code=failure.code().name)
            await asyncio.sleep(PROBE_PAUSE_S)

    async def encode(self, medium: Medium, *, header_only: bool = False) -> EncodedMedium:
        """Returns a medium's features, or without them when only the header is wanted.

        Raises BytesWantedError, EncoderUnavailableError, PayloadCorruptError,
        ModelMismatchError, and what the encoder itself raises, with the request's field.
        """
        for attempt in range(1, NUM_ATTEMPTS + 1):
            try:
                return await self._exchange(medium, header_only=header_only)
            except (_TransportError, PayloadCorruptError) as error:
                log(_logger, "exchange failed", logging.WARNING, attempt=attempt, detail=str(error))
                failure = error
        if isinstance(failure, PayloadCorruptError):
            raise failure
        raise EncoderUnavailableError(
            "The encoder cannot be reached; try again.", retry_after_s=2.0
        ) from failure

    async def _exchange(self, medium: Medium, *, header_only: bool) -> EncodedMedium:
        call = self._stub.EncodeMedia(timeout=self._timeout_s, metadata=_metadata())
        try:
            header, payload = await self._converse(call, medium, header_only=header_only)
        except aio.AioRpcError as failure:
            raise self._error_of(failure, medium) from failure
        finally:
            call.cancel()
        if header_only:
            return self._encoded(header, None)
        features = await asyncio.to_thread(self._features, header, payload)
        return self._encoded(header, features)

    async def _converse(
        self, call: Call, medium: Medium, *, header_only: bool
    ) -> tuple[encoder_pb2.FeatureHeader, bytearray]:
        await _write(call, encoder_pb2.EncodeMediaRequest(header=self._header(medium, header_only)))
        header, payload = None, bytearray()
        async for response in call:
            match response.WhichOneof("payload"):
                case "bytes_wanted":
                    await _upload(call, medium)
                case "header" if header is None:
                    header = response.header
                    self._check_header(header)
                case "chunk" if header is not None:
                    payload += response.chunk
                    _check_length(payload, header)
                case kind:
                    raise PayloadCorruptError(f"The encoder sent {kind} out of order.")
        if header is None:
            raise PayloadCorruptError("The encoder's answer has no header.")
        return header, payload

    def _header(self, medium: Medium, header_only: bool) -> encoder_pb2.MediaHeader:
        return encoder_pb2.MediaHeader(
            digest=medium.digest,
            byte_count=len(medium.data or b""),
            kind=_KINDS[medium.kind],
            options=medium.options,
            salt=medium.salt,
            header_only=header_only,
            checkpoint_fingerprint=self._fingerprint,
        )

    def _error_of(self, failure: aio.AioRpcError, medium: Medium) -> Exception:
        error = error_from_rpc(failure)
        if isinstance(error, NotReadyError):
            return EncoderUnavailableError("The encoder is loading; try again.", retry_after_s=2.0)
        if error is not None:
            of_request = isinstance(error, InvalidRequestError)
            error.field = _request_field(medium, error.field) if of_request else ""
            return error
        if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return EncoderUnavailableError(
                f"The encoder took longer than {self._timeout_s:g} s; try again.", retry_after_s=2.0
            )
        return _TransportError(f"{failure.code().name}: {failure.details()}")

    def _check_header(self, header: encoder_pb2.FeatureHeader) -> None:
        """Checks what says how much memory the payload will take, before it comes."""
        if header.checkpoint_fingerprint != self._fingerprint:
            raise ModelMismatchError(
                "The encoder serves another checkpoint than this generator.",
                metadata={"encoder": header.checkpoint_fingerprint, "own": self._fingerprint},
            )
        grid = header.grid
        sizes = (grid.time_count, grid.height_count, grid.width_count)
        if min(sizes) < 1 or self._family.token_count(_grid(header)) != header.token_count:
            raise PayloadCorruptError(
                f"A grid of {sizes} patches does not have {header.token_count} tokens."
            )
        shape = [header.token_count, self._family.shape.hidden_size]
        specs = header.tensors
        if not specs or specs[0].name != "features" or list(specs[0].shape) != shape:
            raise PayloadCorruptError(f"The first tensor is not features of shape {shape}.")
        if sum(map(spec_byte_count, specs)) != header.payload_byte_count:
            raise PayloadCorruptError("The tensors do not have the stated size.")

    def _features(self, header: encoder_pb2.FeatureHeader, payload: bytearray) -> torch.Tensor:
        features = tensors_from_payload(header.tensors, payload)["features"]
        if sha256_digest(payload) != header.payload_digest:
            raise PayloadCorruptError("The features do not have the stated digest.")
        if not features.is_floating_point() or not bool(features.isfinite().all()):
            raise PayloadCorruptError("The features are not finite numbers.")
        return features

    def _encoded(
        self, header: encoder_pb2.FeatureHeader, features: torch.Tensor | None
    ) -> EncodedMedium:
        similar = header.HasField("similar_distance")
        return EncodedMedium(
            features=features,
            grid=_grid(header),
            num_tokens=header.token_count,
            feature_key=header.feature_key,
            source=header.source,
            similar_distance=header.similar_distance if similar else None,
        )


def _metadata() -> aio.Metadata:
    current = request_id.get()
    return aio.Metadata((REQUEST_ID_KEY, current)) if current else aio.Metadata()


async def _write(call: Call, request: encoder_pb2.EncodeMediaRequest) -> bool:
    """Sends a message; False when the call is over, which reading will explain."""
    try:
        await call.write(request)
    except asyncio.InvalidStateError:
        return False
    return True


async def _upload(call: Call, medium: Medium) -> None:
    if medium.data is None:
        raise BytesWantedError(medium.digest)
    for chunk in split_chunks(memoryview(medium.data)):
        if not await _write(call, encoder_pb2.EncodeMediaRequest(chunk=chunk)):
            return
    if not call.done():
        await call.done_writing()


def _check_length(payload: bytearray, header: encoder_pb2.FeatureHeader) -> None:
    if len(payload) > header.payload_byte_count:
        raise PayloadCorruptError(f"More than {header.payload_byte_count} payload bytes came.")


def _request_field(medium: Medium, field: str) -> str:
    inner = field.removeprefix("header.") if field.startswith("header.") else ""
    return f"{medium.field}.{inner}" if inner else medium.field


def _grid(header: encoder_pb2.FeatureHeader) -> MediumGrid:
    grid = header.grid
    return MediumGrid(grid.time_count, grid.height_count, grid.width_count)
