import asyncio
import os
import signal
import threading
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.errors import (
    EngineFailedError,
    InternalError,
    ModelMismatchError,
    NotReadyError,
)
from sightline_common.server import LIVENESS_SERVICE, GrpcServer, ServerOptions, run_server
from sightline_common.status import error_from_rpc

SERVICE = "sightline.encoder.v1.EncoderService"


class ScriptedServicer(encoder_pb2_grpc.EncoderServiceServicer):
    def __init__(self):
        self.closed = asyncio.Event()
        self.started = asyncio.Event()
        self.released = asyncio.Event()

    async def GetModelInfo(self, request, context):
        raise ModelMismatchError("Serve one model.", field="a.b", metadata={"x": "y"})

    async def GetCacheStatistics(self, request, context):
        raise ValueError("secret at 0x7f00")

    async def EncodeMedia(self, request_iterator, context):
        try:
            self.started.set()
            yield encoder_pb2.EncodeMediaResponse(chunk=b"first")
            await self.released.wait()
            yield encoder_pb2.EncodeMediaResponse(chunk=b"last")
        finally:
            self.closed.set()


@pytest.fixture
async def server():
    server = GrpcServer(ServerOptions(SERVICE, drain_s=0.1))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def channel(server):
    async with open_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


async def health_of(channel, name):
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status


@pytest.mark.parametrize(
    "fault", [NotReadyError("The tower hangs."), RuntimeError("no device")], ids=["sick", "failing"]
)
async def test_health_follows_what_a_service_says_of_itself(
    server, channel, monkeypatch, caplog, fault
):
    caplog.set_level("INFO", "sightline_common.server")
    monkeypatch.setattr("sightline_common.server.CHECK_PAUSE_S", 0.01)
    states = health_pb2.HealthCheckResponse
    sick, checked = asyncio.Event(), asyncio.Event()

    async def check():
        checked.set()
        if sick.is_set():
            raise fault

    async def expect(status):
        async with asyncio.timeout(30):
            while await health_of(channel, SERVICE) != status:
                await asyncio.sleep(0)
        assert await health_of(channel, "") == status
        assert await health_of(channel, LIVENESS_SERVICE) == states.SERVING

    async def several_checks():
        for _ in range(3):
            checked.clear()
            await asyncio.wait_for(checked.wait(), 30)

    await set_ready(server)
    async with server.following(check):
        await asyncio.wait_for(checked.wait(), 30)
        await expect(states.SERVING)
        sick.set()
        await expect(states.NOT_SERVING)
        await several_checks()
        sick.clear()
        await expect(states.SERVING)
        await several_checks()
    events = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert events == ["ready", "not serving", "serving again"]


async def set_ready(server):
    servicer = ScriptedServicer()
    await server.set_ready(
        lambda grpc_server: encoder_pb2_grpc.add_EncoderServiceServicer_to_server(
            servicer, grpc_server
        )
    )
    return servicer


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_health_follows_readiness_and_liveness_does_not(server, channel):
    assert await health_of(channel, "") == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await health_of(channel, LIVENESS_SERVICE) == health_pb2.HealthCheckResponse.SERVING
    await set_ready(server)
    assert await health_of(channel, SERVICE) == health_pb2.HealthCheckResponse.SERVING


async def test_loading_server_refuses_with_a_retry_hint(server, channel):
    stub = encoder_pb2_grpc.EncoderServiceStub(channel)
    failure = await refusal(stub.GetModelInfo(encoder_pb2.GetModelInfoRequest()))
    error = error_from_rpc(failure)
    assert isinstance(error, NotReadyError)
    assert error.retry_after_s == 2.0


async def test_uploads_to_a_loading_server_are_told_why(channel):
    stub, chunk = encoder_pb2_grpc.EncoderServiceStub(channel), bytes(100_000)
    for _ in range(5):
        upload = stub.EncodeMedia()
        for _ in range(5):
            await upload.write(encoder_pb2.EncodeMediaRequest(chunk=chunk))
            await asyncio.sleep(0)
        assert isinstance(error_from_rpc(await refusal(upload.read())), NotReadyError)


async def test_error_crosses_the_wire_whole(server, channel):
    await set_ready(server)
    stub = encoder_pb2_grpc.EncoderServiceStub(channel)
    failure = await refusal(stub.GetModelInfo(encoder_pb2.GetModelInfoRequest()))
    error = error_from_rpc(failure)
    assert failure.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert isinstance(error, ModelMismatchError)
    assert (error.message, error.field, error.metadata) == ("Serve one model.", "a.b", {"x": "y"})


async def test_unknown_exception_tells_the_caller_nothing(server, channel):
    await set_ready(server)
    stub = encoder_pb2_grpc.EncoderServiceStub(channel)
    failure = await refusal(stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest()))
    assert isinstance(error_from_rpc(failure), InternalError)
    assert "secret" not in failure.details()


async def test_refusal_is_logged_without_its_words(server, channel, caplog):
    await set_ready(server)
    stub = encoder_pb2_grpc.EncoderServiceStub(channel)
    with caplog.at_level("INFO"):
        await refusal(stub.GetModelInfo(encoder_pb2.GetModelInfoRequest()))
    (record,) = [record for record in caplog.records if record.message == "rpc refused"]
    assert record.fields["reason"] == "MODEL_MISMATCH"
    assert "Serve one model." not in str(record.__dict__)


async def test_failure_stops_the_server_and_is_raised(monkeypatch):
    failure = asyncio.get_running_loop().create_future()
    left = asyncio.Event()
    settled = []

    def fail(_server):
        assert settled == ["loaded"], "what has loaded is settled before anybody is answered"
        failure.set_exception(EngineFailedError("It died."))

    @asynccontextmanager
    async def load():
        monkeypatch.setattr("sightline_common.server.settle", lambda: settled.append("loaded"))
        yield fail
        left.set()

    async with asyncio.timeout(20):
        with pytest.raises(EngineFailedError, match="It died"):
            await run_server(ServerOptions(SERVICE, drain_s=0.1), load, failure)
    assert left.is_set()


async def test_stop_while_loading_waits_for_no_thread_that_loads():
    begun, left, unblocked = threading.Event(), [], threading.Event()

    def read_weights():
        begun.set()
        os.kill(os.getpid(), signal.SIGTERM)
        unblocked.wait()

    @asynccontextmanager
    async def load():
        try:
            yield await asyncio.to_thread(read_weights)
        finally:
            left.append("what was opened")

    options = ServerOptions(SERVICE, drain_s=0.1)
    try:
        async with asyncio.timeout(20):
            await run_server(options, load, leave=lambda: left.append("the process"))
    finally:
        unblocked.set()
    assert begun.is_set()
    assert left == ["what was opened", "the process"]


async def test_cancelled_stream_closes_its_handler(server, channel):
    servicer = await set_ready(server)
    call = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeMedia()
    await call.read()
    call.cancel()
    async with asyncio.timeout(5):
        await servicer.closed.wait()


async def test_draining_server_says_so_while_what_it_accepted_goes_on():
    async with serving(drain_s=30) as (server, channel, servicer):
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        accepted = stub.EncodeMedia()
        await accepted.read()
        stopping = asyncio.create_task(server.stop())
        async with asyncio.timeout(30):
            while await health_of(channel, "") == health_pb2.HealthCheckResponse.SERVING:
                await asyncio.sleep(0)
        failure = await refusal(stub.GetModelInfo(encoder_pb2.GetModelInfoRequest()))
        assert failure.code() is grpc.StatusCode.UNAVAILABLE
        assert isinstance(error_from_rpc(failure), NotReadyError)
        assert await health_of(channel, LIVENESS_SERVICE) == health_pb2.HealthCheckResponse.SERVING
        servicer.released.set()
        assert (await accepted.read()).chunk == b"last"
        assert await accepted.code() is grpc.StatusCode.OK
        await stopping


async def test_health_turns_before_the_first_refusal(monkeypatch):
    turn, answered = health_aio.HealthServicer.set, []
    async with serving(drain_s=0.1) as (server, channel, _servicer):
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)

        async def turn_after_a_request(servicer, name, status):
            failure = await refusal(stub.GetModelInfo(encoder_pb2.GetModelInfoRequest()))
            answered.append(isinstance(error_from_rpc(failure), ModelMismatchError))
            await turn(servicer, name, status)

        with monkeypatch.context() as patched:
            patched.setattr(health_aio.HealthServicer, "set", turn_after_a_request)
            await server.stop()
    assert answered[:2] == [True, True]


async def test_what_outlasts_the_drain_time_ends_with_a_reason():
    async with serving(drain_s=0.1) as (server, channel, servicer):
        accepted = encoder_pb2_grpc.EncoderServiceStub(channel).EncodeMedia()
        await accepted.read()
        await server.stop()
        failure = await refusal(accepted.read())
        assert isinstance(error_from_rpc(failure), NotReadyError)
        assert servicer.closed.is_set()


@asynccontextmanager
async def serving(drain_s):
    server = GrpcServer(ServerOptions(SERVICE, drain_s=drain_s))
    await server.start()
    servicer = await set_ready(server)
    try:
        async with asyncio.timeout(60), open_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, channel, servicer
    finally:
        await server.stop()


async def test_unknown_method_is_unimplemented(server, channel):
    await set_ready(server)
    failure = await refusal(channel.unary_unary(f"/{SERVICE}/Nothing")(b""))
    assert failure.code() is grpc.StatusCode.UNIMPLEMENTED
