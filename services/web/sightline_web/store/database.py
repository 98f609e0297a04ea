"""The database's engine: opened, tuned, migrated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from sightline_web.store.transaction import Transaction

BUSY_TIMEOUT_MS = 5_000
_WRITING = "sightline_writing"


class Database:
    """Opens transactions, to read and to write."""

    def __init__(self, url: str) -> None:
        _make_folder(url)
        # a failed statement's error is logged, and its parameters are people's words
        self._engine: AsyncEngine = create_async_engine(url, hide_parameters=True)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine.sync_engine, "connect", _tune_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)
        self._writer = self._engine.execution_options(**{_WRITING: True})

    async def migrate(self) -> None:
        """Brings the schema to the newest form."""
        async with self.writing() as transaction:
            await transaction.run_sync(_upgrade)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """Opens a transaction that changes nothing."""
        async with self._engine.connect() as connection:
            yield Transaction(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """Opens a transaction that is committed at the end, and undone by an exception."""
        async with self._writer.connect() as connection:
            transaction = Transaction(connection)
            try:
                yield transaction
            except BaseException:
                await transaction.rollback()
                raise
            await transaction.commit()

    async def close(self) -> None:
        await self._engine.dispose()


def _make_folder(url: str) -> None:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)


def _tune_sqlite(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # a transaction that reads first and writes later could not wait for the lock
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
