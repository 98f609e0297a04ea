"""Every service's registry, as its process has it, around as little as there can be."""

from __future__ import annotations

from types import SimpleNamespace

from prometheus_client import CollectorRegistry
from sightline.encoder.v1 import encoder_pb2
from sightline.generator.v1 import generator_pb2
from sightline_common.metric_families import process_registry
from sightline_common.server_calls import ServerCalls
from sightline_encoder.encoder import Encoder
from sightline_encoder.encoder_metrics import register_encoder, register_workers
from sightline_encoder.feature_cache import FeatureCache
from sightline_encoder.pass_counts import PassCounts
from sightline_encoder.upload import UploadBudget
from sightline_generator.answer_metrics import AnswerMetrics
from sightline_generator.engine.async_engine import AsyncEngine
from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.engine import Engine
from sightline_generator.engine.scheduler import Scheduler, SchedulerLimits
from sightline_generator.engine_metrics import register_engine
from sightline_web.web_metrics import WebMetrics


def encoder_registry() -> CollectorRegistry:
    registry = process_registry()
    ServerCalls(registry, "sightline.encoder.v1.EncoderService")
    batcher = SimpleNamespace(counts=PassCounts(), num_waiting=0, num_forwards=0)
    encoder = Encoder(None, batcher, FeatureCache(1), "")
    info = encoder_pb2.GetModelInfoResponse(version="1")
    register_encoder(registry, encoder, batcher, UploadBudget(1), info)
    register_workers(registry, SimpleNamespace(num_deaths=0))
    return registry


def generator_registry() -> CollectorRegistry:
    registry = process_registry()
    ServerCalls(registry, "sightline.generator.v1.GeneratorService")
    AnswerMetrics(registry)
    scheduler = Scheduler(SchedulerLimits(1, 16, 1.0), BlockManager(8, 16))
    engine = AsyncEngine(Engine(scheduler, None, None), queue_limit=1)
    register_engine(registry, engine, generator_pb2.GetModelInfoResponse(model="m"))
    return registry


def web_registry() -> CollectorRegistry:
    registry = process_registry()
    WebMetrics(registry)
    return registry


REGISTRIES = {
    "encoder": encoder_registry,
    "generator": generator_registry,
    "web": web_registry,
}
