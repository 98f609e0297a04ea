"""The web service's application: routes like a table of contents, and one lifespan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sightline_common.errors import SightlineError
from sightline_common.telemetry import log
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from sightline_web.accounts.accounts import Accounts
from sightline_web.accounts.directory import Directory
from sightline_web.assets import STATIC_DIR, HashedStaticFiles
from sightline_web.catalog import ModelCatalog
from sightline_web.chat.attachment_routes import AttachmentRoutes
from sightline_web.chat.errors import PageError
from sightline_web.chat.export_routes import ExportRoutes
from sightline_web.chat.history_routes import HistoryRoutes
from sightline_web.chat.housekeeping import Housekeeping
from sightline_web.chat.jobs import AnswerJobs
from sightline_web.chat.message_routes import MessageRoutes
from sightline_web.chat.pictures import Pictures
from sightline_web.chat.routes import ChatPages
from sightline_web.chat.share_routes import ShareRoutes
from sightline_web.chat.threads import Threads
from sightline_web.config import WebSettings
from sightline_web.disconnect import ClientGoneError
from sightline_web.generator_client import Generator
from sightline_web.middleware import guard
from sightline_web.middleware.refusal import refusal
from sightline_web.openai.errors import ApiError, api_error
from sightline_web.openai.routes import OpenAIApi
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database
from sightline_web.store.history import History
from sightline_web.store.pictures import PictureFiles
from sightline_web.store.records import NotFoundError
from sightline_web.store.shares import Shares
from sightline_web.store.transfer import Transfer
from sightline_web.store.versions import Versions

_logger = logging.getLogger(__name__)


def create_app(
    generator: Generator,
    database: Database,
    settings: WebSettings,
    directory: Directory | None = None,
) -> ASGIApp:
    """Builds the application; its lifespan migrates the database and ends the jobs."""
    accounts = Accounts(directory, database, settings)
    store = ConversationStore(database)
    catalog = ModelCatalog(generator, settings.alias_names)
    jobs = AnswerJobs(generator, store, settings.generation_lifetime_s)
    files = PictureFiles(settings.data_dir / "attachments")
    pictures = Pictures(store, files, settings.max_image_bytes)
    history = History(database)
    shares = Shares(database)
    threads = Threads(store, pictures, jobs)

    async def show_health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def show_readiness(request: Request) -> Response:
        ready = await generator.is_ready()
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await database.migrate()
        interrupted = await store.interrupt_running()
        housekeeping = asyncio.create_task(Housekeeping(history, pictures, accounts.sessions).run())
        log(_logger, "ready", interrupted_answers=interrupted)
        yield
        housekeeping.cancel()
        await asyncio.gather(housekeeping, return_exceptions=True)
        await jobs.close()
        await database.close()

    app = Starlette(
        routes=[
            Route("/health", show_health),
            Route("/ready", show_readiness),
            *accounts.routes(),
            *OpenAIApi(generator, catalog, settings).routes(),
            *ChatPages(threads, history, shares, catalog).routes(),
            *MessageRoutes(threads, Versions(database)).routes(),
            *ShareRoutes(threads, shares).routes(),
            *HistoryRoutes(threads, history).routes(),
            *ExportRoutes(threads, Transfer(database)).routes(),
            *AttachmentRoutes(store, pictures).routes(),
            Mount("/static", HashedStaticFiles(directory=STATIC_DIR)),
        ],
        exception_handlers={
            ApiError: _tell,
            SightlineError: _tell,
            PageError: _tell,
            NotFoundError: _tell,
            HTTPException: _tell,
            ClientGoneError: _say_nothing,
            Exception: _tell,
        },
        lifespan=lifespan,
    )
    return guard(accounts.gate(app), settings)


async def _tell(request: Request, error: Exception) -> Response:
    response = refusal(request.scope, _as_api_error(error))
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


async def _say_nothing(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


def _as_api_error(error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case SightlineError():
            return api_error(error)
        case PageError():
            return ApiError(error.message, http_status=error.http_status)
        case NotFoundError():
            return ApiError("There is nothing here.", http_status=404, code="not_found")
        case HTTPException():
            return ApiError(error.detail, http_status=error.status_code, code="http_error")
    message = "The server failed; its log has the details."
    return ApiError(message, http_status=500, code="server_error")
