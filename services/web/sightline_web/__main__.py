"""Runs the web service: `python -m sightline_web`."""

from __future__ import annotations

import contextlib
import logging
import sys

import uvicorn
from sightline_common.config import SettingInvalidError, read_settings
from sightline_common.event_loop import run
from sightline_common.telemetry import configure_logging
from sqlalchemy.exc import SQLAlchemyError

from sightline_web.accounts.directory import Directory
from sightline_web.accounts.opening import open_directory
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.generator_client import GrpcGenerator
from sightline_web.middleware.body_limit import MAX_HEADER_BYTES
from sightline_web.store.database import Database


def main() -> None:
    try:
        settings = read_settings(WebSettings)
        database = open_database(settings)
        directory = open_directory(settings)
    except SettingInvalidError as error:
        sys.exit(f"sightline-web: {error}")
    configure_logging("web", settings.log_level)
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


async def serve(settings: WebSettings, database: Database, directory: Directory | None) -> None:
    """Serves until SIGTERM or SIGINT."""
    generator = GrpcGenerator(settings.generator_target)
    try:
        app = create_app(generator, database, settings, directory)
        await uvicorn.Server(server_config(app, settings)).serve()
    finally:
        await generator.close()


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
        timeout_graceful_shutdown=round(settings.drain_s),
    )


if __name__ == "__main__":
    main()
