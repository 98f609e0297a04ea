"""SIGTERM under load: health first, then refusals, and every accepted request to its end."""

import asyncio
import json
import signal
import subprocess

import grpc
import httpx2
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline.type.v1 import media_pb2
from sightline_common.channel import open_channel
from sightline_common.digest import sha256_digest
from sightline_common.errors import NotReadyError
from sightline_common.status import error_from_rpc

from benchmarks.ports import free_ports
from tests.chaos.fleet import Service
from tests.suite.pictures import fresh_picture

pytestmark = pytest.mark.suite
NUM_STREAMS = 20
START_TIMEOUT_S = 240
PATIENCE_S = 60
NUM_TOKENS = 150
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def web(fleet, tmp_path):
    """A page in front of the fleet."""
    (port,) = free_ports(1)
    service = Service(
        "sightline_web",
        port,
        tmp_path / "web.log",
        SIGHTLINE_WEB_PORT=str(port),
        SIGHTLINE_GENERATOR_TARGET=fleet.generator.target,
        SIGHTLINE_DATA_DIR=str(tmp_path / "data"),
    )
    yield service
    service.kill()


async def until_ready(web):
    async with asyncio.timeout(START_TIMEOUT_S), httpx2.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"http://{web.target}/ready")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.2)


def terminate(service):
    service.process.send_signal(signal.SIGTERM)


async def ended_well(service):
    try:
        return await asyncio.to_thread(service.process.wait, 180) == 0
    except subprocess.TimeoutExpired:
        return False


async def test_nothing_that_was_accepted_is_lost(fleet, web):
    """One after the other from the outside in, since the outer ones need the inner ones."""
    await until_ready(web)
    await web_drains(web)
    await generator_drains(fleet.generator)
    await encoder_drains(fleet.encoders[-1])


async def web_drains(web):
    url = f"http://{web.target}"
    body = {
        "model": "sightline-nano",
        "messages": [{"role": "user", "content": "Tell me a long story."}],
        "max_tokens": NUM_TOKENS,
        "ignore_eos": True,
        "stream": True,
    }
    begun = asyncio.Semaphore(0)

    async def stream(client):
        async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer:
            assert answer.status_code == 200
            events = []
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    events.append(line.removeprefix("data: "))
                if len(events) == 2:
                    begun.release()
            return events

    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=180, limits=limits) as client:
        probe = await client.get(f"{url}/ready")
        assert probe.status_code == 200
        streams = [asyncio.create_task(stream(client)) for _ in range(NUM_STREAMS)]
        async with asyncio.timeout(PATIENCE_S):
            for _ in streams:
                await begun.acquire()
            terminate(web)
            while (look := await client.get(f"{url}/v1/models")).status_code == 200:
                await asyncio.sleep(0.01)
            # Readiness turned no later than the first refusal.
            assert (await client.get(f"{url}/ready")).status_code == 503
        assert (await client.get(f"{url}/health")).status_code == 200
        asked = await client.post(f"{url}/v1/chat/completions", json=body)
        for refused in (look, asked):
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "model_not_ready"
        for events in await asyncio.gather(*streams):
            assert events[-1] == "[DONE]"
            finishes = [json.loads(event)["choices"] for event in events[:-1]]
            assert [c[0]["finish_reason"] for c in finishes if c][-1] == "length"
    assert await ended_well(web)


async def generator_drains(generator):
    asked = generator_pb2.GenerateTextRequest(
        messages=[
            generator_pb2.Message(
                role=generator_pb2.ROLE_USER, parts=[generator_pb2.Part(text="A long story.")]
            )
        ],
        stop=generator_pb2.StopOptions(max_token_count=NUM_TOKENS, end_ignored=True),
    )
    async with open_channel(generator.target) as channel:
        stub = generator_pb2_grpc.GeneratorServiceStub(channel)
        calls = [stub.GenerateText(asked, timeout=180) for _ in range(NUM_STREAMS)]
        for call in calls:
            assert (await call.read()).HasField("started")
        terminate(generator)
        await drains(
            channel,
            lambda: stub.GetModelInfo(generator_pb2.GetModelInfoRequest()),
            lambda: stub.GenerateText(asked).read(),
        )
        for call in calls:
            pieces = await left_of(call)
            assert pieces[-1].complete.usage.completion_token_count == NUM_TOKENS
    assert await ended_well(generator)


async def encoder_drains(encoder):
    async with open_channel(encoder.target) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        accepted = [await accepted_upload(stub) for _ in range(NUM_STREAMS)]
        terminate(encoder)
        await drains(
            channel,
            lambda: stub.GetModelInfo(encoder_pb2.GetModelInfoRequest()),
            lambda: accepted_upload(stub),
        )
        for call, data in accepted:
            await call.write(encoder_pb2.EncodeMediaRequest(chunk=data))
            await call.done_writing()
        for call, _data in accepted:
            pieces = await left_of(call)
            assert pieces[0].header.token_count
            assert await call.code() is grpc.StatusCode.OK
    assert await ended_well(encoder)


async def left_of(call):
    pieces = []
    while (piece := await call.read()) is not grpc.aio.EOF:
        pieces.append(piece)
    return pieces


async def accepted_upload(stub):
    data = fresh_picture()
    call = stub.EncodeMedia(timeout=180)
    header = encoder_pb2.MediaHeader(
        digest=sha256_digest(data), byte_count=len(data), kind=media_pb2.MEDIA_KIND_IMAGE
    )
    await call.write(encoder_pb2.EncodeMediaRequest(header=header))
    assert (await call.read()).HasField("bytes_wanted")
    return call, data


async def drains(channel, look, ask):
    """Asserts that health turns no later than the first refusal, and that new work is refused."""
    health = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(PATIENCE_S):
        while (first := await refusal(look())) is None:
            await asyncio.sleep(0.01)
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING
        for failure in (first, await refusal(ask())):
            assert failure.code() is grpc.StatusCode.UNAVAILABLE
            assert isinstance(error_from_rpc(failure), NotReadyError)


async def refusal(call):
    """Returns with what a call failed; None where it was answered."""
    try:
        await call
    except grpc.aio.AioRpcError as failure:
        return failure
    return None
