"""A small random checkpoint, pictures, and a running encoder for tests."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from grpc import aio
from PIL import Image
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.checkpoint import Checkpoint
from sightline_common.digest import sha256_digest
from sightline_common.server import GrpcServer, ServerOptions
from sightline_common.status import error_from_rpc
from sightline_encoder.batcher import Batcher
from sightline_encoder.encoder import Encoder
from sightline_encoder.feature_cache import FeatureCache
from sightline_encoder.image import MediaLimits
from sightline_encoder.intake import Intake, Prepare
from sightline_encoder.loaded_model import LoadedModel, model_fingerprint
from sightline_encoder.lower_tiers import LowerTiers
from sightline_encoder.model_info import model_info
from sightline_encoder.preprocess import PreparedImage, load_preprocessor
from sightline_encoder.registration import add_servicer
from sightline_encoder.servicer import EncoderServicer
from sightline_encoder.similar_pictures import SimilarPictures
from sightline_encoder.units import Unit
from sightline_encoder.upload import UploadBudget
from sightline_encoder.video_options import VideoLimits
from sightline_encoder.video_preprocess import load_video_preprocessor
from sightline_encoder.vision import Placement, VisionTower, load_vision_tower
from transformers import Glm4vConfig, Glm4vForConditionalGeneration, Glm46VImageProcessorPil

CPU_FLOAT32 = Placement(torch.device("cpu"), torch.float32)
SIZE = {"shortest_edge": 2 * 56 * 56, "longest_edge": 2 * 336 * 336}


def tiny_config() -> Glm4vConfig:
    text = {
        "vocab_size": 64,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [2, 3, 3],
            "partial_rotary_factor": 0.5,
        },
        "pad_token_id": 0,
    }
    vision = {
        "depth": 2,
        "hidden_size": 64,
        "num_heads": 2,
        "intermediate_size": 96,
        "out_hidden_size": 64,
        "image_size": 56,
    }
    return Glm4vConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=50,
        video_token_id=51,
        image_start_token_id=52,
        image_end_token_id=53,
        video_start_token_id=54,
        video_end_token_id=55,
    )


def build_checkpoint(folder: Path, max_shard_size: str = "1GB") -> Glm4vForConditionalGeneration:
    """Writes a whole random model with its image processor and returns the model."""
    torch.manual_seed(7)
    model = Glm4vForConditionalGeneration(tiny_config()).eval()
    model.save_pretrained(folder, max_shard_size=max_shard_size)
    Glm46VImageProcessorPil(size=SIZE).save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text())
    settings["image_processor_type"] = "Glm46VImageProcessor"
    path.write_text(json.dumps(settings))
    return model


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(samples)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def prepared(rows: int, columns: int, seed: int = 0, values: int = 1176) -> PreparedImage:
    generator = torch.Generator().manual_seed(seed)
    patches = torch.randn(rows * columns, values, generator=generator)
    return PreparedImage(patches, (1, rows, columns), columns * 14, rows * 14)


@dataclass
class RunningEncoder:
    """A served encoder and a client's stub for it."""

    stub: encoder_pb2_grpc.EncoderServiceStub
    encoder: Encoder
    uploads: UploadBudget
    target: str


def load_tiny(checkpoint: Checkpoint, limits: MediaLimits | None = None) -> LoadedModel:
    video = load_video_preprocessor(checkpoint, VideoLimits(), 1024 * 1024)
    preprocessor = load_preprocessor(checkpoint, limits or MediaLimits(), 1024 * 1024, video=video)
    return LoadedModel(checkpoint, load_vision_tower(checkpoint, CPU_FLOAT32), preprocessor)


@asynccontextmanager
async def running_encoder(
    model: LoadedModel,
    cache_bytes: int = 2**24,
    upload_bytes: int = 2**26,
    prepare: Prepare | None = None,
    lower_tiers: LowerTiers | None = None,
    similar_bytes: int = 0,
    abandon: Callable[[bytes], None] = lambda data: None,
    upload_timeout_s: float = 60.0,
    max_waiting: int = 1000,
) -> AsyncIterator[RunningEncoder]:
    fingerprint = model_fingerprint(model)
    preprocessor = model.preprocessor
    intake = Intake(prepare or preprocessor.prepare, preprocessor.look, 2, abandon=abandon)
    batcher = Batcher(model.tower, 4096)
    cache = FeatureCache(cache_bytes)
    similar = SimilarPictures(similar_bytes) if similar_bytes else None
    encoder = Encoder(intake, batcher, cache, fingerprint, lower_tiers, similar)
    uploads = UploadBudget(upload_bytes)
    info = model_info(model, fingerprint)
    servicer = EncoderServicer(
        encoder, model.preprocessor, uploads, info, upload_timeout_s, max_waiting
    )
    server = GrpcServer(ServerOptions("sightline.encoder.v1.EncoderService", drain_s=0.1))
    await server.start()
    await server.set_ready(lambda s: add_servicer(servicer, s))
    target = f"127.0.0.1:{server.port}"
    try:
        async with open_channel(target) as channel:
            stub = encoder_pb2_grpc.EncoderServiceStub(channel)
            yield RunningEncoder(stub, encoder, uploads, target)
    finally:
        await server.stop()
        intake.close()
        await batcher.close()


@dataclass
class Received:
    """What one EncodeMedia call answered."""

    header: encoder_pb2.FeatureHeader
    payload: bytes
    bytes_wanted: bool


def media_header(data: bytes, **fields: object) -> encoder_pb2.MediaHeader:
    values = {"digest": sha256_digest(data), "byte_count": len(data), **fields}
    return encoder_pb2.MediaHeader(**values)  # type: ignore[arg-type]


def messages(
    header: encoder_pb2.MediaHeader | None, chunks: Sequence[bytes]
) -> list[encoder_pb2.EncodeMediaRequest]:
    opening = [] if header is None else [encoder_pb2.EncodeMediaRequest(header=header)]
    return [*opening, *(encoder_pb2.EncodeMediaRequest(chunk=chunk) for chunk in chunks)]


def split(data: bytes, size: int = 4096) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


async def ask(stub: encoder_pb2_grpc.EncoderServiceStub, data: bytes, **fields: object) -> Received:
    """Runs the exchange as a good client does: bytes only when they are wanted."""
    call = stub.EncodeMedia()
    await call.write(encoder_pb2.EncodeMediaRequest(header=media_header(data, **fields)))
    first = await call.read()
    wanted = first is not aio.EOF and first.WhichOneof("payload") == "bytes_wanted"
    if wanted:
        for message in messages(None, split(data)):
            await call.write(message)
    await call.done_writing()
    received = [first] if first is not aio.EOF and not wanted else []
    received += await read_all(call)
    return _collected(received, wanted)


async def read_all(call) -> list[encoder_pb2.EncodeMediaResponse]:  # type: ignore[no-untyped-def]
    """Reads a call to its end; raises AioRpcError when it was refused."""
    responses = []
    while (response := await call.read()) is not aio.EOF:
        responses.append(response)
    return responses


async def send(
    stub: encoder_pb2_grpc.EncoderServiceStub, requests: Sequence[encoder_pb2.EncodeMediaRequest]
) -> Received:
    """Sends messages without listening, half-closes, and collects the answer."""
    responses = [response async for response in stub.EncodeMedia(iter(requests))]
    wanted = responses[0].WhichOneof("payload") == "bytes_wanted"
    return _collected(responses[1:] if wanted else responses, wanted)


def _collected(responses: Sequence[encoder_pb2.EncodeMediaResponse], wanted: bool) -> Received:
    header = responses[0].header
    payload = b"".join(response.chunk for response in responses[1:])
    return Received(header, payload, wanted)


async def refusal(awaitable):  # type: ignore[no-untyped-def]
    """Returns the status and the rebuilt error of a call that must be refused."""
    with pytest.raises(aio.AioRpcError) as caught:
        await awaitable
    return caught.value.code(), error_from_rpc(caught.value)


async def until(condition: Callable[[], bool]) -> None:
    """Lets the event loop turn until a condition holds."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


class GatedTower:
    """A tower whose passes wait until `gate` is set; `num_begun` counts them."""

    def __init__(self, tower: VisionTower) -> None:
        self.gate = threading.Event()
        self.num_begun = 0
        self._tower = tower

    def __getattr__(self, name: str) -> object:
        return getattr(self._tower, name)

    def layers(self, units: Sequence[Unit]) -> Generator[None, None, list[torch.Tensor]]:
        self.num_begun += 1
        assert self.gate.wait(60)
        return (yield from self._tower.layers(units))


async def statistics(served: RunningEncoder) -> encoder_pb2.GetCacheStatisticsResponse:
    return await served.stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest())


async def forward_count(served: RunningEncoder) -> int:
    return (await statistics(served)).forward_count


async def computed_count(served: RunningEncoder) -> int:
    """Returns how many pictures and videos were computed, whoever waited for them."""
    return (await statistics(served)).computed_count
