"""A process that holds features as large as the 9B model's and serves them in two ways.

`python -m benchmarks.encoder.feature_server MODEL BYTES...` prints two ports: the
encoder as it is, and a bare gRPC server of the same bytes in chunks of any size, without
protobuf, digests or checks. Both end with their standard input.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import torch
from grpc import aio
from sightline.encoder.v1 import encoder_pb2
from sightline_common.chunks import split_chunks
from sightline_common.event_loop import run
from sightline_common.loaded_heap import settle
from sightline_common.server import GrpcServer, ServerOptions
from sightline_common.tensors import tensor_bytes, tensor_spec
from sightline_encoder.config import EncoderSettings
from sightline_encoder.feature_cache import FeatureEntry
from sightline_encoder.loading import open_servicer
from sightline_encoder.payload import Payload
from sightline_encoder.registration import SERVICE_NAME, add_servicer
from sightline_encoder.servicer import EncoderServicer
from sightline_encoder.validation import feature_request

BARE_METHOD = "/bare/Stream"
CHUNK_SIZES = tuple(2**exponent for exponent in range(16, 23))


def digest_of(num_bytes: int) -> str:
    """Returns the digest of a file whose features take so many bytes; nobody has it."""
    return f"sha256:{num_bytes:064x}"


def bare_request(num_bytes: int, chunk_bytes: int) -> bytes:
    """Returns what the bare server is asked for these features in such chunks."""
    return f"{num_bytes} {chunk_bytes}".encode()


def main() -> None:
    model, *sizes = sys.argv[1:]
    run(serve(Path(model), [int(size) for size in sizes]))


async def serve(model: Path, sizes: Sequence[int]) -> None:
    """Serves until standard input ends."""
    settings = EncoderSettings(model=str(model), intake_workers=1, cache_bytes=2 * sum(sizes))
    async with open_servicer(settings) as servicer:
        entries = [hold_features(servicer, num_bytes) for num_bytes in sizes]
        ours = GrpcServer(ServerOptions(SERVICE_NAME, drain_s=0))
        await ours.start()
        await ours.set_ready(lambda server: add_servicer(servicer, server))
        bare = bare_server([b"".join(entry.payload.chunks()) for entry in entries])
        bare_port = bare.add_insecure_port("127.0.0.1:0")
        await bare.start()
        settle()  # as the encoder itself does
        print(ours.port, bare_port, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await bare.stop(None)
        await ours.stop()


def hold_features(servicer: EncoderServicer, num_bytes: int) -> FeatureEntry:
    """Puts random features of about that size under the digest, as if they had been computed."""
    info, encoder = servicer._info, servicer._encoder
    columns = 64
    rows = num_bytes // (4 * info.hidden_size * columns)
    features = torch.randn(rows * columns, info.hidden_size)
    payload = Payload.split(tensor_bytes(features))
    header = encoder_pb2.MediaHeader(digest=digest_of(num_bytes))
    request = feature_request(header, servicer._preprocessor)
    entry = FeatureEntry(
        key=request.key(encoder.fingerprint),
        specs=(tensor_spec("features", features),),
        payload=payload,
        grid=(1, rows * info.merge_size, columns * info.merge_size),
        num_tokens=len(features),
        width=columns * info.merge_size * info.patch_size,
        height=rows * info.merge_size * info.patch_size,
        compute_s=0.0,
    )
    assert encoder.cache.put(entry), "the cache was made for it"
    return entry


def bare_server(payloads: Sequence[bytes]) -> aio.Server:
    """Returns a server that answers with a payload, cut beforehand as the request says."""
    chunks = {
        bare_request(len(payload), size): list(map(bytes, split_chunks(memoryview(payload), size)))
        for payload in payloads
        for size in CHUNK_SIZES
    }

    async def stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            for chunk in chunks[request]:
                yield chunk

    server = aio.server(options=[("grpc.max_send_message_length", -1)])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(stream)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bare", {"Stream": handler}),)
    )
    return server


if __name__ == "__main__":
    main()
