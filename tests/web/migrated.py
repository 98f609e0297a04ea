"""Databases that are there already: migrated once a process, and copied."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sightline_web.config import WebSettings
from sightline_web.store.database import Database
from sqlalchemy import make_url


def migrated_database(settings: WebSettings) -> Database:
    """Opens the store of an application's settings; a new SQLite file begins as a copy."""
    url = make_url(settings.store_url)
    if url.get_backend_name() == "sqlite" and url.database:
        _copy_to(Path(url.database))
    return Database(settings.store_url)


def _copy_to(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated_file())


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        path = Path(folder) / "migrated.db"
        thread.submit(asyncio.run, _migrate(path)).result()  # a loop may run in this thread
        return path.read_bytes()


async def _migrate(path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{path}")
    await database.migrate()
    await database.close()
