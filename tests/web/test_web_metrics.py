"""What web's page of metrics shows before anything happened, and after."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
from prometheus_client import CollectorRegistry
from sightline_common.errors import InternalError
from sightline_common.metric_families import process_registry
from sightline_web.__main__ import metrics_page
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.store.database import Database
from sightline_web.web_metrics import FAILURES, WebMetrics

from benchmarks.ports import free_ports
from tests.certificates import Authority, tls_settings
from tests.common.test_tls import fetch_metrics, heard_without_certificate
from tests.web.fakes import FakeGenerator
from tests.web.servers import lifespan

QUESTION = {"model": "sightline-nano", "messages": [{"role": "user", "content": "What?"}]}
ASKED = {"handler": "create_chat_completion", "method": "POST", "code": "500"}


def values(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    samples = [sample for family in registry.collect() for sample in family.samples]
    return {tuple(each.labels.values()): each.value for each in samples if each.name == name}


async def test_page_wants_a_certificate_where_services_do(tmp_path: Path) -> None:
    authority, (port,) = Authority(tmp_path), free_ports(1)
    settings = WebSettings(data_dir=tmp_path, metrics_port=port, **tls_settings(authority))
    async with metrics_page(process_registry(), settings):
        assert await asyncio.to_thread(heard_without_certificate, authority, port) == b""
        own = authority.issue("scraper")
        assert b"process_cpu" in await asyncio.to_thread(fetch_metrics, authority, port, own)


async def test_first_failure_of_a_route_is_growth_that_a_rate_sees(tmp_path: Path) -> None:
    registry, generator = CollectorRegistry(), FakeGenerator()
    generator.fallback = lambda: [InternalError("It broke.")]
    settings = WebSettings(data_dir=tmp_path, port=0)
    app = create_app(generator, Database(settings.store_url), settings, None, WebMetrics(registry))
    counted = values(registry, "http_requests_total"), values(registry, "sightline_refusals_total")
    assert not any(value for kind in counted for value in kind.values())
    async with lifespan(app):
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.post("/v1/chat/completions", json=QUESTION)).status_code == 500
            assert (await client.get("/", headers={"Host": "elsewhere"})).status_code == 400
    assert registry.get_sample_value("http_requests_total", ASKED) == 1
    assert tuple(ASKED.values()) in counted[0]
    assert {code for *_, code in counted[0]} == set(FAILURES)
    after = values(registry, "sightline_refusals_total")
    assert after.keys() == counted[1].keys()
    assert after["server_error",] == after["host_not_allowed",] == 1
