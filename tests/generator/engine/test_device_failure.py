"""A device that failed for good ends the engine instead of failing every request to come."""

import pytest
import torch
from sightline_common.errors import EngineFailedError

from tests.generator.engine.test_async_engine import make, running, tokens_of, until

pytestmark = pytest.mark.usefixtures("in_both_modes")


def fails(*_arguments, **_options):
    raise torch.AcceleratorError("CUDA error: device-side assert triggered")


def fail_forward(engine):
    engine._runner.run = fails


def fail_sampling(engine):
    engine._sampler.sample = fails


@pytest.mark.parametrize("break_device", [fail_forward, fail_sampling])
async def test_lost_device_ends_every_request_and_the_engine(tiny_ours, break_device):
    inner = tiny_ours.engine()
    deaths = []
    async with running(inner, on_death=deaths.append) as engine:
        streams = [engine.submit(make(tiny_ours, max_tokens=3000)) for _ in range(2)]
        await anext(streams[0].updates())
        break_device(inner)
        for stream in streams:
            with pytest.raises(EngineFailedError):
                await tokens_of(stream)
        await until(lambda: deaths)
        with pytest.raises(EngineFailedError):
            await tokens_of(engine.submit(make(tiny_ours)))


async def test_lack_of_device_memory_ends_what_needed_it_and_not_the_engine(tiny_ours):
    inner = tiny_ours.engine()
    run, failures = inner._runner.run, iter([torch.OutOfMemoryError("no memory")])

    def fails_once(chunks):
        for error in failures:
            raise error
        return run(chunks)

    inner._runner.run = fails_once
    async with running(inner) as engine:
        with pytest.raises(EngineFailedError):
            await tokens_of(engine.submit(make(tiny_ours)))
        assert await tokens_of(engine.submit(make(tiny_ours)))
