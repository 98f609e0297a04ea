"""What generator and encoders have done, as one answer."""

from __future__ import annotations

import asyncio

from sightline.generator.v1 import generator_pb2

from sightline_generator.encoder_member import EncoderMember, EncoderStatus
from sightline_generator.encoder_pool import EncoderPool
from sightline_generator.engine.async_engine import AsyncEngine

TIMEOUT_S = 1.0
"""How long an encoder has to tell; a dashboard is not worth more waiting."""


class Statistics:
    """Reads the engine's counts and asks the encoders for theirs."""

    def __init__(self, engine: AsyncEngine, pool: EncoderPool) -> None:
        self._engine = engine
        self._pool = pool

    async def report(self) -> generator_pb2.GetStatisticsResponse:
        counts, scheduler = self._engine.counts, self._engine.scheduler
        members = sorted(self._pool.members.values(), key=lambda member: member.name)
        return generator_pb2.GetStatisticsResponse(
            prompt_token_count=counts.num_prompt_tokens,
            generated_token_count=counts.num_generated_tokens,
            prefix_query_token_count=scheduler.num_prefix_queries,
            prefix_hit_token_count=scheduler.num_prefix_hits,
            preemption_count=scheduler.num_preemptions,
            failure_count=counts.num_failures,
            encoders=await asyncio.gather(*map(_encoder_report, members)),
        )


async def _encoder_report(member: EncoderMember) -> generator_pb2.EncoderReport:
    available = member.status is EncoderStatus.AVAILABLE
    cache = await member.client.cache_statistics(TIMEOUT_S) if available else None
    return generator_pb2.EncoderReport(target=member.name, available=available, cache=cache)
