"""The web service's application: routes like a table of contents, and one lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from sightline_web.accounts.accounts import Accounts
from sightline_web.accounts.directory import Directory
from sightline_web.assets import STATIC_DIR, HashedStaticFiles
from sightline_web.catalog import ModelCatalog
from sightline_web.chat.chat import Chat
from sightline_web.config import WebSettings
from sightline_web.draining import Draining
from sightline_web.failures import EXCEPTION_HANDLERS
from sightline_web.generator_client import Generator
from sightline_web.middleware import guard
from sightline_web.middleware.videos import VideosMiddleware
from sightline_web.openai.routes import OpenAIApi
from sightline_web.operators.routes import OperatorPages
from sightline_web.operators.sampler import Sampler
from sightline_web.probes import Probes
from sightline_web.store.database import Database
from sightline_web.web_metrics import WebMetrics


def create_app(
    generator: Generator,
    database: Database,
    settings: WebSettings,
    directory: Directory | None = None,
    metrics: WebMetrics | None = None,
    draining: Draining | None = None,
) -> ASGIApp:
    """Builds the application; its lifespan migrates the database and ends the jobs."""
    accounts = Accounts(directory, database, settings)
    catalog = ModelCatalog(generator, settings.alias_names)
    sampler = Sampler(generator)
    chat = Chat(generator, database, catalog, settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await database.migrate()
        async with chat.running(), sampler.running():
            yield
        await database.close()

    routes = [
        *Probes(generator).routes(),
        *accounts.routes(),
        *OpenAIApi(generator, catalog, settings).routes(),
        *chat.routes(),
        *OperatorPages(sampler, catalog).routes(),
        Mount("/static", HashedStaticFiles(directory=STATIC_DIR)),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(accounts.gate)],  # here its failures are told like all others
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    metrics = metrics or WebMetrics()
    metrics.expect(routes)
    guarded = guard(app, settings, metrics, draining or Draining())
    return VideosMiddleware(guarded, catalog)
