"""The engine's metrics: read from its counts when a page is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from sightline.generator.v1 import generator_pb2
from sightline_common.metric_families import StateCollector, counter, gauge, histogram, info

from sightline_generator.engine.async_engine import AsyncEngine


def register_engine(
    registry: CollectorRegistry, engine: AsyncEngine, about: generator_pb2.GetModelInfoResponse
) -> None:
    """Adds the engine's metrics to a registry."""

    def families() -> Iterator[Metric]:
        yield info(
            "sightline_generator_info",
            "What is served, as labels; always 1.",
            model=about.model,
            version=about.version,
            attention=about.attention,
            device=about.device,
        )
        yield from _load(engine)
        yield from _prefix_cache(engine)
        yield from _work(engine)

    StateCollector(families, registry)


def _load(engine: AsyncEngine) -> Iterator[Metric]:
    load = engine.load
    used = load.num_blocks - load.num_free_blocks
    running, waiting, limit = load.num_running, load.num_waiting, load.max_waiting
    yield gauge("sightline_num_requests_running", "Sequences that compute tokens.", running)
    yield gauge("sightline_num_requests_waiting", "Sequences that wait to compute.", waiting)
    yield gauge("sightline_num_requests_waiting_limit", "Sequences that may wait.", limit)
    yield gauge(
        "sightline_kv_cache_usage_perc",
        "Share of KV blocks in use, 0 to 1.",
        used / load.num_blocks,
    )
    yield gauge("sightline_kv_cache_blocks", "KV blocks that there are.", load.num_blocks)


def _prefix_cache(engine: AsyncEngine) -> Iterator[Metric]:
    scheduler = engine.scheduler
    yield counter(
        "sightline_prefix_cache_queries",
        "Tokens of sequences that were looked up in the prefix cache.",
        scheduler.num_prefix_queries,
    )
    yield counter(
        "sightline_prefix_cache_hits",
        "Tokens of these that the prefix cache had.",
        scheduler.num_prefix_hits,
    )
    yield counter(
        "sightline_num_preemptions",
        "Sequences that lost their KV blocks to others and were computed again.",
        scheduler.num_preemptions,
    )


def _work(engine: AsyncEngine) -> Iterator[Metric]:
    counts = engine.counts
    prompt, generated = counts.num_prompt_tokens, counts.num_generated_tokens
    yield counter("sightline_prompt_tokens", "Tokens of prompts that were begun.", prompt)
    yield counter("sightline_generation_tokens", "Tokens that were generated.", generated)
    yield counter(
        "sightline_sequence_failures", "Sequences that the engine failed on.", counts.num_failures
    )
    yield histogram(
        "sightline_inter_token_latency_seconds",
        "Seconds between two tokens of a sequence.",
        counts.inter_token_s,
    )
    yield histogram(
        "sightline_engine_step_seconds", "Seconds that a step of the engine took.", counts.step_s
    )
    yield histogram(
        "sightline_iteration_tokens",
        "Tokens that a step computed, of prompts and of answers.",
        counts.step_tokens,
    )
