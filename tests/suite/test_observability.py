"""One question through all three services: one trace, counted everywhere, for holders of a
certificate alone."""

import asyncio
import itertools
import json
import logging
import shutil
from asyncio.subprocess import PIPE

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.trace import StatusCode
from prometheus_client.exposition import generate_latest
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline.generator.v1 import generator_pb2, generator_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.telemetry import JsonFormatter
from sightline_common.tls import ClientTls

from tests.common.test_tls import fetch_metrics
from tests.suite.observed_suite import observed_suite
from tests.suite.pictures import data_url, fresh_picture

pytestmark = [pytest.mark.suite, pytest.mark.asyncio(loop_scope="module")]
ENCODE = "sightline.encoder.v1.EncoderService/EncodeMedia"
GENERATE = "sightline.generator.v1.GeneratorService/GenerateText"
LINT = ("promtool", "check", "metrics")
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INFO = {
    "encoder": lambda channel: encoder_pb2_grpc.EncoderServiceStub(channel).GetModelInfo(
        encoder_pb2.GetModelInfoRequest()
    ),
    "generator": lambda channel: generator_pb2_grpc.GeneratorServiceStub(channel).GetModelInfo(
        generator_pb2.GetModelInfoRequest()
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(tmp_path_factory):
    async with observed_suite(tmp_path_factory.mktemp("observed")) as suite:
        yield suite


async def ask(suite, words="Describe the image.", picture=None, **headers):
    content = [{"type": "text", "text": words}]
    if picture is not None:
        content.insert(0, {"type": "image_url", "image_url": {"url": data_url(picture)}})
    body = {
        "model": "sightline-nano",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 8,
        "ignore_eos": True,
        "temperature": 0,
    }
    return await suite.web.post("/v1/chat/completions", json=body, headers=headers)


def tree(spans):
    """Returns each span's name under its parent's; what came from outside has none.

    Web may look up what is served, whose description it remembers for a while.
    """
    names = {span.context.span_id: span.name for span in spans}
    return {
        (names.get(span.parent.span_id) if span.parent else None, span.name)
        for span in spans
        if not span.name.endswith("GetModelInfo")
    }


async def spans_of(suite, trace_id):
    """Returns a trace's spans once the last of them, the encoder's and web's, have ended."""
    async with asyncio.timeout(10):
        while True:
            spans = [
                span
                for span in suite.spans.get_finished_spans()
                if format(span.context.trace_id, "032x") == trace_id
            ]
            if {"HTTP POST", GENERATE} <= {span.name for span in spans}:
                return spans
            await asyncio.sleep(0.05)


async def test_one_question_is_one_trace_through_all_services(suite):
    answer = await ask(suite, picture=fresh_picture())
    assert answer.status_code == 200
    spans = await spans_of(suite, answer.headers["x-request-id"])
    assert tree(spans) == {
        (None, "HTTP POST"),
        ("HTTP POST", GENERATE),
        (GENERATE, "encode"),
        ("encode", ENCODE),
        (ENCODE, "recall"),
        (ENCODE, "upload"),
        (ENCODE, "compute"),
        (GENERATE, "queue"),
        (GENERATE, "prefill"),
        (GENERATE, "decode"),
    }


async def test_phases_follow_each_other_inside_the_answer(suite):
    answer = await ask(suite, picture=fresh_picture())
    spans = await spans_of(suite, answer.headers["x-request-id"])
    by_name = {span.name: span for span in spans}
    phases = [by_name[name] for name in ("encode", "queue", "prefill", "decode")]
    for earlier, later in itertools.pairwise(phases):
        assert earlier.start_time < later.end_time
        assert earlier.end_time <= later.start_time + 1_000_000
    whole = by_name[GENERATE]
    assert whole.start_time <= phases[0].start_time
    assert phases[-1].end_time <= whole.end_time


async def test_text_alone_asks_no_encoder(suite):
    answer = await ask(suite, words="Hello.")
    names = {span.name for span in await spans_of(suite, answer.headers["x-request-id"])}
    assert not names & {"encode", ENCODE}


async def test_trace_of_the_caller_goes_on_and_names_the_request(suite):
    answer = await ask(suite, words="Hello again.", traceparent=CALLER)
    assert answer.headers["x-request-id"] == "0af7651916cd43dd8448eb211c80319c"
    spans = await spans_of(suite, "0af7651916cd43dd8448eb211c80319c")
    (root,) = [span for span in spans if span.name == "HTTP POST"]
    assert format(root.parent.span_id, "016x") == "b7ad6b7169203331"


async def test_refusal_marks_its_spans_and_no_span_has_the_callers_words(suite):
    answer = await ask(suite, words="A secret.", picture=b"no picture, but a secret")
    assert answer.status_code == 400
    (root,) = [span for span in suite.spans.get_finished_spans() if "400" in str(span.attributes)][
        -1:
    ]
    trace_id = format(root.context.trace_id, "032x")
    assert trace_id == answer.headers["x-request-id"]
    for span in suite.spans.get_finished_spans():
        assert "secret" not in span.to_json()


async def test_failed_call_has_a_failed_span(suite):
    answer = await ask(suite, words="word " * 20_000)
    assert answer.status_code == 400
    spans = await spans_of(suite, answer.headers["x-request-id"])
    (call,) = [span for span in spans if span.name == GENERATE]
    assert call.status.status_code is StatusCode.ERROR
    assert call.attributes["error.type"] == "PROMPT_TOO_LONG"
    assert call.attributes["rpc.response.status_code"] == "INVALID_ARGUMENT"


async def test_record_of_a_request_with_its_own_id_names_the_trace(suite, caplog):
    with caplog.at_level("INFO"):
        handler = _Written()
        logging.getLogger().addHandler(handler)
        try:
            await ask(suite, words="Hello.", **{"x-request-id": "mine"})
        finally:
            logging.getLogger().removeHandler(handler)
    (record,) = [record for record in handler.records if record["event"] == "request"]
    assert record["request_id"] == "mine"
    assert len(record["trace_id"]) == 32


class _Written(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(json.loads(JsonFormatter("web").format(record)))


async def test_question_is_counted_by_every_service(suite):
    picture = fresh_picture()
    api = {"handler": "create_chat_completion", "method": "POST", "code": "200"}
    service, method = GENERATE.split("/")
    call = {"grpc_service": service, "grpc_method": method, "grpc_code": "OK"}
    counted = [
        ("web", "http_requests_total", api, 2),
        ("generator", "sightline_time_to_first_token_seconds_count", {}, 2),
        ("generator", "sightline_request_success_total", {"finished_reason": "length"}, 2),
        ("generator", "sightline_generation_tokens_total", {}, 16),
        ("generator", "sightline_inter_token_latency_seconds_count", {}, 14),
        ("generator", "grpc_server_handled_total", call, 2),
        ("encoder", "sightline_feature_cache_queries_total", {}, 1),
        ("encoder", "sightline_encoder_forward_seconds_count", {}, 1),
    ]
    before = [suite.metric(service, name, **labels) for service, name, labels, _ in counted]
    await ask(suite, "Describe the image in many, many words.", picture)
    await ask(suite, "Describe the image in many, many words.", picture)
    after = [suite.metric(service, name, **labels) for service, name, labels, _ in counted]
    for (_service, name, _labels, more), was, now in zip(counted, before, after, strict=True):
        assert now - was == more, name
    hits = suite.metric("generator", "sightline_prefix_cache_hits_total")
    assert 0 < hits < suite.metric("generator", "sightline_prefix_cache_queries_total")


async def metrics_page(suite, service, own, accept="*/*"):
    port = suite.servers[service].options.metrics_port
    return await asyncio.to_thread(fetch_metrics, suite.authority, port, own, accept)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("service", [*INFO, "web"])
async def test_promtool_finds_no_fault_in_the_metrics(suite, service):
    await ask(suite, picture=fresh_picture())
    metrics = generate_latest(suite.registries[service])
    lint = await asyncio.create_subprocess_exec(*LINT, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    _said, faults = await lint.communicate(metrics)
    assert (lint.returncode, faults.decode()) == (0, "")


async def test_page_has_exemplars_that_name_a_trace(suite):
    answer = await ask(suite, words="Hello.")
    own = suite.authority.issue("scraper")
    accept = "application/openmetrics-text; version=1.0.0"
    page = await metrics_page(suite, "generator", own, accept)
    assert f'# {{trace_id="{answer.headers["x-request-id"]}"}}'.encode() in page


@pytest.mark.parametrize("service", INFO)
async def test_without_a_certificate_no_port_answers_but_health(suite, service):
    options = suite.servers[service].options
    stranger = ClientTls(str(suite.authority.file))
    for tls in (stranger, None):
        async with open_channel(f"127.0.0.1:{suite.servers[service].port}", tls=tls) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await INFO[service](channel)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert not caught.value.trailing_metadata()
    assert not await asyncio.to_thread(fetch_metrics, suite.authority, options.metrics_port, None)
    async with open_channel(f"127.0.0.1:{options.health_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        reply = await health.Check(health_pb2.HealthCheckRequest())
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await INFO[service](channel)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    async with open_channel(
        f"127.0.0.1:{suite.servers[service].port}", tls=suite.own_tls
    ) as channel:
        assert (await INFO[service](channel)).version
