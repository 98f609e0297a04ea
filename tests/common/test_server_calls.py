"""What a server counts of its RPCs."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import grpc
import pytest
from prometheus_client import CollectorRegistry
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.errors import MediaBytesRequiredError, QueueFullError
from sightline_common.request_ids import choose_request_id
from sightline_common.server import GrpcServer, ServerOptions
from sightline_common.server_calls import ServerCalls, method_labels

SERVICE = "sightline.encoder.v1.EncoderService"


class Servicer(encoder_pb2_grpc.EncoderServiceServicer):
    async def GetModelInfo(self, request, context):
        return encoder_pb2.GetModelInfoResponse()

    async def GetCacheStatistics(self, request, context):
        raise QueueFullError("Full.")

    async def EvictFeatures(self, request, context):
        raise ValueError("broken")

    async def EncodeMedia(self, request_iterator, context):
        yield encoder_pb2.EncodeMediaResponse(chunk=b"first")
        await asyncio.Event().wait()


@asynccontextmanager
async def served(*, ready=True):
    server = GrpcServer(ServerOptions(SERVICE, drain_s=0.1))
    await server.start()
    if ready:
        await server.set_ready(
            lambda target: encoder_pb2_grpc.add_EncoderServiceServicer_to_server(Servicer(), target)
        )
    try:
        async with open_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, encoder_pb2_grpc.EncoderServiceStub(channel), channel
    finally:
        await server.stop()


async def counted(server, method, code, expected=1):
    """Returns how many RPCs ended so, once that many have, or after a while."""
    labels = {"grpc_service": SERVICE, "grpc_method": method, "grpc_code": code}
    for _ in range(100):
        value = server.registry.get_sample_value("grpc_server_handled_total", labels)
        if value is not None and value >= expected:
            break
        await asyncio.sleep(0.02)
    return value


async def failing(call):
    with pytest.raises(grpc.aio.AioRpcError):
        await call


async def test_every_end_is_counted_by_its_code():
    async with served() as (server, stub, _channel):
        await stub.GetModelInfo(encoder_pb2.GetModelInfoRequest())
        await failing(stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest()))
        await failing(stub.EvictFeatures(encoder_pb2.EvictFeaturesRequest()))
        left = stub.EncodeMedia()
        await left.read()
        left.cancel()
        assert await counted(server, "GetModelInfo", "OK") == 1
        assert await counted(server, "GetCacheStatistics", "UNAVAILABLE") == 1
        assert await counted(server, "EvictFeatures", "INTERNAL") == 1
        assert await counted(server, "EncodeMedia", "CANCELLED") == 1
        late = stub.EncodeMedia(timeout=0.2)
        await late.read()
        await failing(late.read())
        assert await counted(server, "EncodeMedia", "DEADLINE_EXCEEDED") == 1
        reasons = {
            sample.labels["reason"]
            for family in server.registry.collect()
            for sample in family.samples
            if sample.name == "sightline_refusals_total" and sample.value
        }
        assert reasons == {"QUEUE_FULL", "INTERNAL"}


def series(server, name):
    """Returns the labels' values and the value of each series of a metric."""
    samples = [sample for family in server.registry.collect() for sample in family.samples]
    return {tuple(each.labels.values()): each.value for each in samples if each.name == name}


async def test_first_error_of_its_kind_is_growth_that_a_rate_sees():
    handled, refused = "grpc_server_handled_total", "sightline_refusals_total"
    async with served() as (server, stub, _channel):
        before = series(server, handled), series(server, refused)
        assert not any(value for kind in before for value in kind.values())
        await failing(stub.EvictFeatures(encoder_pb2.EvictFeaturesRequest()))
        await failing(stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest()))
        assert await counted(server, "EvictFeatures", "INTERNAL") == 1
        assert await counted(server, "GetCacheStatistics", "UNAVAILABLE") == 1
        after = series(server, handled), series(server, refused)
    assert [set(kind) for kind in after] == [set(kind) for kind in before]
    assert after[1]["QUEUE_FULL",] == after[1]["INTERNAL",] == 1


async def test_refusal_of_a_loading_server_is_counted_and_its_method_is_no_label():
    async with served(ready=False) as (server, _stub, channel):
        for name in ("GetModelInfo", "Invented1", "Invented2"):
            await failing(channel.unary_unary(f"/{SERVICE}/{name}")(b""))
        assert await counted(server, "GetModelInfo", "UNAVAILABLE") == 1
        assert await counted(server, "unknown", "UNAVAILABLE", 2) == 2
        value = server.registry.get_sample_value(
            "sightline_refusals_total", {"reason": "NOT_READY"}
        )
        assert value == 3


@pytest.mark.parametrize("method", ["", "/", "/x", "/a.B/c", "x" * 10_000, "/a/b/c"])
def test_labels_of_what_nobody_knows_are_few(method):
    assert method_labels(method) == ("unknown", "unknown")


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("given", "parent", "chosen"),
    [
        ("mine", f"00-{TRACE}-b7ad6b7169203331-01", "mine"),
        ("", f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        ("two\nlines", f"00-{TRACE}-b7ad6b7169203331-00", TRACE),
    ],
)
def test_request_has_the_callers_id_or_its_traces(given, parent, chosen):
    assert choose_request_id(given, parent) == chosen


@pytest.mark.parametrize("parent", ["", "00", f"00-{'0' * 32}-b7ad6b7169203331-01", "\n" * 99])
def test_request_without_either_has_a_new_id_in_the_form_of_a_trace(parent):
    first, second = (choose_request_id("", parent) for _ in range(2))
    assert first != second
    assert len(first) == 32 and int(first, 16)


async def test_being_asked_for_a_files_bytes_is_no_refusal():
    registry = CollectorRegistry()
    context = SimpleNamespace(invocation_metadata=lambda: ())
    call = ServerCalls(registry, SERVICE).call(f"/{SERVICE}/EncodeMedia", context)
    call.refused(MediaBytesRequiredError("Send the bytes."))
    call.refused(QueueFullError("Full."))
    counted = [
        registry.get_sample_value("sightline_refusals_total", {"reason": reason})
        for reason in ("MEDIA_BYTES_REQUIRED", "QUEUE_FULL")
    ]
    assert counted == [None, 1]
