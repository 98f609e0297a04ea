"""Pools of scripted encoders."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from sightline_generator.encoder_client import EncoderClient
from sightline_generator.encoder_pool import EncoderPool
from sightline_generator.encoder_targets import EncoderTargets
from sightline_generator.encoder_watch import EncoderWatch

from tests.generator.scripted_encoder import FINGERPRINT, serving

TIMEOUT_S = 30


@asynccontextmanager
async def pool_of(family, *ports, timeout_s=10, load_factor=1.25):
    """Yields a pool over encoders on loopback that nobody watches."""
    pool = EncoderPool(
        lambda address: EncoderClient(address, FINGERPRINT, family),
        timeout_s,
        load_factor,
        [f"127.0.0.1:{port}" for port in ports],
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def serving_all(*encoders):
    """Yields the servers of several encoders, in their order."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(encoder)) for encoder in encoders]


def watch_of(pool, *targets, timeout_s=0.3):
    """Returns a watch that looks only when it is told to."""
    written = targets or tuple(pool.members)
    return EncoderWatch(pool, EncoderTargets(written), interval_s=0.05, timeout_s=timeout_s)


async def until(condition):
    """Waits until a condition holds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
