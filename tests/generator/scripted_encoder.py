"""An encoder on loopback that answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import torch
from google.protobuf import duration_pb2
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline.type.v1 import media_pb2
from sightline_common.channel import CHUNK_BYTES
from sightline_common.checksum import Checksum
from sightline_common.chunks import split_chunks
from sightline_common.digest import sha256_digest
from sightline_common.server import GrpcServer, ServerOptions
from sightline_common.tensors import tensor_bytes, tensor_spec

FINGERPRINT = "sha256:" + "f" * 64
SERVICE = "sightline.encoder.v1.EncoderService"
HIDDEN_SIZE = 64


def feature_header(tensor, rows=2, columns=3, **changes):
    payload = tensor_bytes(tensor)
    fields = {
        "feature_key": "key",
        "tensors": [tensor_spec("features", tensor)],
        "payload_byte_count": len(payload),
        "payload_digest": sha256_digest(payload),
        "payload_checksum": checksum_of(payload),
        "grid": media_pb2.Grid(time_count=1, height_count=2 * rows, width_count=2 * columns),
        "token_count": rows * columns,
        "checkpoint_fingerprint": FINGERPRINT,
        "source": media_pb2.FEATURE_SOURCE_COMPUTED,
        "encode_time": duration_pb2.Duration(nanos=5),
    }
    return encoder_pb2.FeatureHeader(**{**fields, **changes})


def checksum_of(payload):
    checksum = Checksum()
    checksum.update(payload)
    return checksum.text()


def has_features(encoded, rows=2, columns=3):
    """Whether a medium came with the features that the encoder sends, all of them."""
    return torch.equal(encoded.features.copied(), features(rows, columns))


def features(rows=2, columns=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows * columns, HIDDEN_SIZE, generator=generator)


@dataclass
class ScriptedEncoder(encoder_pb2_grpc.EncoderServiceServicer):
    """Wants every file once and then answers from memory.

    `answer` makes header and tensor of an exchange; it may raise; `answer_header` does so
    from what was asked. `uploads` are the
    files that came, `headers` the exchanges, `times_left` their seconds, `endings` how those
    ended that the client left without a file, `release` delays answers until it is set,
    `hearing` everything. With `joins` the first chunk comes beside the header.
    """

    fingerprint: str = FINGERPRINT
    answer: Callable[[], tuple[encoder_pb2.FeatureHeader, torch.Tensor]] | None = None
    answer_header: (
        Callable[[encoder_pb2.MediaHeader], tuple[encoder_pb2.FeatureHeader, torch.Tensor]] | None
    ) = None
    uploads: list[bytes] = field(default_factory=list)
    headers: list[encoder_pb2.MediaHeader] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    endings: list[str] = field(default_factory=list)
    times_left: list[float] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    hearing: asyncio.Event = field(default_factory=asyncio.Event)
    feature_fingerprint: str = "sha256:features"
    chunk_bytes: int = CHUNK_BYTES
    joins: bool = False

    def __post_init__(self):
        self.release.set()
        self.hearing.set()

    async def EncodeMedia(self, request_iterator, context):
        await self.hearing.wait()
        header = (await anext(request_iterator)).header
        self.headers.append(header)
        self.times_left.append(context.time_remaining())
        if header.digest not in self.known:
            wanted = encoder_pb2.BytesWanted(digest=header.digest)
            yield encoder_pb2.EncodeMediaResponse(bytes_wanted=wanted)
            upload = b"".join([request.chunk async for request in request_iterator])
            if not upload:
                self.endings.append("cancelled" if context.cancelled() else "half-closed")
                return  # the client went elsewhere
            self.uploads.append(upload)
            self.known.add(header.digest)
        await self.release.wait()
        described, tensor = self._answer(header)
        chunks = (
            [] if header.header_only else list(split_chunks(tensor_bytes(tensor), self.chunk_bytes))
        )
        first = chunks.pop(0) if self.joins and chunks and header.takes_first_chunk else b""
        yield encoder_pb2.EncodeMediaResponse(header=described, first_chunk=bytes(first))
        for chunk in chunks:
            yield encoder_pb2.EncodeMediaResponse(chunk=bytes(chunk))

    def _answer(self, header):
        if self.answer_header:
            return self.answer_header(header)
        return self.answer() if self.answer else self.default_answer()

    def default_answer(self):
        tensor = features()
        return feature_header(tensor, checkpoint_fingerprint=self.fingerprint), tensor

    async def GetModelInfo(self, request, context):
        await self.hearing.wait()
        return encoder_pb2.GetModelInfoResponse(
            checkpoint_fingerprint=self.fingerprint,
            feature_fingerprint=self.feature_fingerprint,
            hidden_size=HIDDEN_SIZE,
        )


@asynccontextmanager
async def serving(encoder, *, ready=True):
    """Yields a server; it answers only once `set_ready` was called."""
    server = GrpcServer(ServerOptions(SERVICE, drain_s=0.1))
    await server.start()
    if ready:
        await make_ready(server, encoder)
    try:
        yield server
    finally:
        await server.stop()


async def make_ready(server, encoder):
    await server.set_ready(
        lambda grpc_server: encoder_pb2_grpc.add_EncoderServiceServicer_to_server(
            encoder, grpc_server
        )
    )
