"""Runs the web service: `python -m sightline_web`."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Sequence

import uvicorn
from prometheus_client import CollectorRegistry
from sightline_common.command_line import check_arguments
from sightline_common.config import SettingInvalidError, read_settings
from sightline_common.event_loop import run
from sightline_common.metric_families import process_registry
from sightline_common.metrics_page import MetricsPage
from sightline_common.telemetry import configure_logging
from sightline_common.tls import client_tls, server_tls
from sightline_common.tracing import start_tracing
from sqlalchemy.exc import SQLAlchemyError

from sightline_web.accounts.directory import Directory
from sightline_web.accounts.opening import open_directory
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.draining import LAST_WORDS_S, Draining, DrainingServer
from sightline_web.generator_client import GrpcGenerator
from sightline_web.middleware.body_limit import MAX_HEADER_BYTES
from sightline_web.store.database import Database
from sightline_web.tenants import Tenants
from sightline_web.web_metrics import WebMetrics


def main(arguments: Sequence[str] = ()) -> None:
    check_arguments("sightline_web", WebSettings, arguments)
    try:
        settings = read_settings(WebSettings)
        database = open_database(settings)
        start_tracing("web", settings.traces)
        directory = open_accounts(settings)
    except SettingInvalidError as error:
        sys.exit(f"sightline-web: {error}")
    configure_logging("web", settings.log_level, settings.log_format)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with contextlib.suppress(KeyboardInterrupt):
        run(serve(settings, database, directory))


def open_database(settings: WebSettings) -> Database:
    """Opens the store; raises SettingInvalidError where the settings allow none."""
    try:
        return Database(settings.store_url)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise SettingInvalidError(
            f"SIGHTLINE_DATABASE_URL or SIGHTLINE_DATA_DIR cannot be used: {error}"
        ) from error


def open_accounts(settings: WebSettings) -> Directory | None:
    """Opens the directory of people, and the secret that keeps them apart.

    Raises SettingInvalidError: a damaged secret stops the start, not the first question.
    """
    directory = open_directory(settings)
    Tenants(settings.data_dir, settings.tenant_secret).secret()
    return directory


async def serve(settings: WebSettings, database: Database, directory: Directory | None) -> None:
    """Serves until SIGTERM or SIGINT."""
    registry = process_registry()
    generator = GrpcGenerator(settings.generator_target, tls=client_tls(settings))
    try:
        draining = Draining()
        app = create_app(generator, database, settings, directory, WebMetrics(registry), draining)
        config = server_config(app, settings)
        async with metrics_page(registry, settings):
            await DrainingServer(config, draining, settings.drain_s).serve()
    finally:
        await generator.close()


@contextlib.asynccontextmanager
async def metrics_page(registry: CollectorRegistry, settings: WebSettings) -> AsyncIterator[None]:
    """Serves the page of metrics, if a port for it is set, as securely as the settings say."""
    if not settings.metrics_port:
        yield
        return
    tls = server_tls(settings)
    page = MetricsPage(registry)
    context = tls.context() if tls else None
    async with page.serving(settings.host, settings.metrics_port, context):
        yield


def server_config(app: object, settings: WebSettings) -> uvicorn.Config:
    """Says how uvicorn serves the application."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        http="h11",  # the parser that bounds headers while they come
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        lifespan="on",
        timeout_graceful_shutdown=round(LAST_WORDS_S),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
