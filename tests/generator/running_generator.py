"""The whole generator on loopback, beside a scripted encoder."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

from grpc import aio
from sightline.generator.v1 import generator_pb2 as pb
from sightline.generator.v1 import generator_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.server import GrpcServer, ServerOptions
from sightline_generator.config import GeneratorSettings
from sightline_generator.encoder_client import EncoderClient
from sightline_generator.encoder_pool import EncoderPool
from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.engine.sequence import Sequence
from sightline_generator.loaded_model import LoadedModel, load_model
from sightline_generator.loading import make_engine, make_servicer

from tests.generator import harness
from tests.generator.scripted_encoder import ScriptedEncoder, serving

SERVICE = "sightline.generator.v1.GeneratorService"
KV_BYTES = 3 * 2 * 2 * 16 * 16 * 4 * 100
"""A hundred blocks of the tiny model in float32."""


def make_settings(folder, **changes) -> GeneratorSettings:
    fields = {
        "model": str(folder),
        "model_name": "tiny",
        "device": "cpu",
        "dtype": "float32",
        "kv_cache_bytes": KV_BYTES,
        "threads": 1,
        "media_store_bytes": 1000,
        "max_media": 4,
        "overlap": "on" if harness.OVERLAP else "off",
    }
    return GeneratorSettings(**{**fields, **changes})


@dataclass
class RunningGenerator:
    """A client of the generator, and what lies behind it."""

    stub: generator_pb2_grpc.GeneratorServiceStub
    engine: AsyncEngine
    encoder: ScriptedEncoder
    model: LoadedModel
    port: int
    submitted: list[Sequence]

    async def load(self) -> pb.GetLoadResponse:
        return await self.stub.GetLoad(pb.GetLoadRequest())

    async def until_idle(self) -> None:
        """Waits until nothing runs and every block is free."""
        async with asyncio.timeout(60):
            while True:
                load = await self.load()
                if (load.waiting_count, load.running_count) == (0, 0):
                    assert load.free_block_count == load.block_count
                    return


def watch_submissions(engine: AsyncEngine) -> list[Sequence]:
    """Returns a list to which every submitted sequence is added."""
    submitted: list[Sequence] = []
    submit = engine.submit

    def watched(sequence, *arguments):
        submitted.append(sequence)
        return submit(sequence, *arguments)

    engine.submit = watched
    return submitted


@asynccontextmanager
async def running_generator(folder, **changes):
    settings = make_settings(folder, **changes)
    model = load_model(settings)
    encoder = ScriptedEncoder(fingerprint=model.fingerprint)
    async with serving(encoder) as encoder_server:
        target = f"127.0.0.1:{encoder_server.port}"
        pool = EncoderPool(
            lambda address: EncoderClient(address, model.fingerprint, model.family),
            timeout_s=60,
            load_factor=1.25,
            addresses=[target],
        )
        engine = make_engine(model, settings)
        submitted = watch_submissions(engine)
        engine.start()
        server = GrpcServer(ServerOptions(SERVICE, drain_s=0.1))
        await server.start()
        servicer = make_servicer(model, pool, engine, settings)

        def register(grpc_server: aio.Server) -> None:
            generator_pb2_grpc.add_GeneratorServiceServicer_to_server(servicer, grpc_server)

        await server.set_ready(register)
        try:
            async with asyncio.timeout(240), open_channel(f"127.0.0.1:{server.port}") as channel:
                stub = generator_pb2_grpc.GeneratorServiceStub(channel)
                yield RunningGenerator(stub, engine, encoder, model, server.port, submitted)
        finally:
            await server.stop()
            await engine.stop()
            await pool.close()
