"""All three services in this process, over mutual TLS, with every span and metric at hand."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx2
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from sightline.generator.v1 import generator_pb2_grpc
from sightline_common.open_telemetry import OpenTelemetryTracer, RequestIdGenerator
from sightline_common.server import GrpcServer, ServerOptions
from sightline_common.service_settings import ServiceSettings
from sightline_common.tls import ClientTls, client_tls, server_tls
from sightline_common.tracing import set_tracer
from sightline_encoder.config import EncoderSettings
from sightline_encoder.loading import open_servicer as open_encoder
from sightline_encoder.registration import SERVICE_NAME as ENCODER_NAME
from sightline_encoder.registration import add_servicer as add_encoder
from sightline_generator.__main__ import SERVICE_NAME as GENERATOR_NAME
from sightline_generator.config import GeneratorSettings
from sightline_generator.loading import open_servicer as open_generator
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.generator_client import GrpcGenerator
from sightline_web.store.database import Database
from sightline_web.web_metrics import WebMetrics

from benchmarks.ports import free_ports
from tests.certificates import Authority, tls_settings
from tests.suite.running_suite import NANO
from tests.web.servers import lifespan

KV_BYTES = 64 * 1024 * 1024


@dataclass
class ObservedSuite:
    """What the tests look at."""

    web: httpx2.AsyncClient
    spans: InMemorySpanExporter
    authority: Authority
    registries: dict[str, CollectorRegistry]
    servers: dict[str, GrpcServer]
    own_tls: ClientTls

    def metric(self, service, name, **labels):
        """Returns a sample's value; 0 if there is none yet."""
        return self.registries[service].get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def observed_suite(folder):
    authority = Authority(folder)
    settings = tls_settings(authority)
    spans = InMemorySpanExporter()
    provider = TracerProvider(id_generator=RequestIdGenerator())
    provider.add_span_processor(SimpleSpanProcessor(spans))
    registries = {name: CollectorRegistry() for name in ("encoder", "generator", "web")}
    async with AsyncExitStack() as opened:
        set_tracer(OpenTelemetryTracer(provider))
        opened.callback(set_tracer, None)

        async def serve(service, name):
            health_port, metrics_port = free_ports(2)
            options = ServerOptions(
                name,
                tls=server_tls(ServiceSettings(**settings)),
                drain_s=1.0,
                health_port=health_port,
                metrics_port=metrics_port,
            )
            server = GrpcServer(options, registries[service])
            await server.start()
            opened.push_async_callback(server.stop)
            return server

        encoder = await serve("encoder", ENCODER_NAME)
        own = EncoderSettings(model=str(NANO), intake_workers=1, threads=1, **settings)
        servicer = await opened.enter_async_context(open_encoder(own, registries["encoder"]))
        await encoder.set_ready(lambda target: add_encoder(servicer, target))

        generator = await serve("generator", GENERATOR_NAME)
        # A name for many and an address, as a deployment may have them.
        targets = f"dns:///localhost:{encoder.port},127.0.0.1:{encoder.port}"
        own = GeneratorSettings(
            model=str(NANO), encoder_target=targets, kv_cache_bytes=KV_BYTES, threads=1, **settings
        )
        answering = await opened.enter_async_context(
            open_generator(own, lambda _error: None, registries["generator"])
        )
        await generator.set_ready(
            lambda target: generator_pb2_grpc.add_GeneratorServiceServicer_to_server(
                answering, target
            )
        )

        web_settings = WebSettings(data_dir=folder / "data", port=0, **settings)
        tls = client_tls(web_settings)
        client = GrpcGenerator(f"127.0.0.1:{generator.port}", tls=tls)
        opened.push_async_callback(client.close)
        app = create_app(
            client,
            Database(web_settings.store_url),
            web_settings,
            metrics=WebMetrics(registries["web"]),
        )
        await opened.enter_async_context(lifespan(app))
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        web = await opened.enter_async_context(
            httpx2.AsyncClient(transport=transport, base_url="http://localhost", timeout=120)
        )
        servers = {"encoder": encoder, "generator": generator}
        yield ObservedSuite(web, spans, authority, registries, servers, tls)
