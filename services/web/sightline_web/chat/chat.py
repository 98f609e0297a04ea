"""The chat page as a whole: what it keeps, its routes, and its life."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sightline_common.telemetry import log
from starlette.routing import Route

from sightline_web.catalog import ModelCatalog
from sightline_web.chat.attachment_routes import AttachmentRoutes
from sightline_web.chat.export_routes import ExportRoutes
from sightline_web.chat.file_checks import FileChecks
from sightline_web.chat.history_routes import HistoryRoutes
from sightline_web.chat.housekeeping import Housekeeping
from sightline_web.chat.jobs import AnswerJobs
from sightline_web.chat.message_routes import MessageRoutes
from sightline_web.chat.pictures import Pictures
from sightline_web.chat.preference_routes import PreferenceRoutes
from sightline_web.chat.preset_routes import PresetRoutes
from sightline_web.chat.routes import ChatPages
from sightline_web.chat.share_routes import ShareRoutes
from sightline_web.chat.threads import Threads
from sightline_web.chat.uploads import Uploads
from sightline_web.config import WebSettings
from sightline_web.generator_client import Generator
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database
from sightline_web.store.excerpts import Excerpts
from sightline_web.store.history import History
from sightline_web.store.pictures import PictureFiles
from sightline_web.store.presets import Presets
from sightline_web.store.sessions import Sessions
from sightline_web.store.shares import Shares
from sightline_web.store.transfer import Transfer
from sightline_web.store.versions import Versions
from sightline_web.tenants import Tenants

_logger = logging.getLogger(__name__)


class Chat:
    """Puts the page's parts together over one database and one generator."""

    def __init__(
        self, generator: Generator, database: Database, catalog: ModelCatalog, settings: WebSettings
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._public_url = settings.public_url
        store = ConversationStore(database)
        files = PictureFiles(settings.data_dir / "attachments")
        salts = Tenants(settings.data_dir, settings.tenant_secret)
        jobs = AnswerJobs(generator, store, settings.generation_lifetime_s, salts.cache_salt)
        self._history = History(database)
        checks = FileChecks.of(settings)
        pictures = Pictures(store, files, checks)
        self._uploads = Uploads(pictures, catalog, checks, settings.max_pdf_pages)
        self._threads = Threads(store, Excerpts(database), pictures, jobs)

    def routes(self) -> list[Route]:
        threads, history, shares = self._threads, self._history, Shares(self._database)
        presets = Presets(self._database)
        return [
            *ChatPages(threads, history, shares, self._uploads, self._catalog, presets).routes(),
            *MessageRoutes(threads, Versions(self._database)).routes(),
            *ShareRoutes(threads, shares, self._public_url).routes(),
            *HistoryRoutes(threads, history).routes(),
            *ExportRoutes(threads, Transfer(self._database)).routes(),
            *AttachmentRoutes(self._uploads, threads.pictures).routes(),
            *PresetRoutes(presets).routes(),
            *PreferenceRoutes().routes(),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Marks what a former process left unfinished, keeps house, and ends the jobs."""
        interrupted = await self._threads.store.interrupt_running()
        housekeeping = Housekeeping(self._history, self._threads.pictures, Sessions(self._database))
        tidying = asyncio.create_task(housekeeping.run())
        log(_logger, "ready", interrupted_answers=interrupted)
        yield
        tidying.cancel()
        await asyncio.gather(tidying, return_exceptions=True)
        await self._threads.jobs.close()
