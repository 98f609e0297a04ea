"""A task that is cancelled while the database works leaves no connection half-way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sightline_web.store.database import Database
from sightline_web.store.transaction import Transaction
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.web.store.conftest import NewUrl


@pytest.fixture
async def database(new_url: NewUrl) -> AsyncIterator[Database]:
    database = Database(new_url())
    async with database.writing() as transaction:
        await transaction.execute(text("create table noted (number integer primary key)"))
    yield database
    await database.close()


async def write(transaction: Transaction, number: int) -> None:
    await transaction.execute(text("insert into noted values (:number)"), {"number": number})


async def numbers(database: Database) -> list[int]:
    async with database.reading() as transaction:
        return [row.number for row in await transaction.execute(text("select number from noted"))]


async def test_cancelled_statement_ends_before_its_transaction_is_undone(
    database: Database,
) -> None:
    async def insert() -> None:
        async with database.writing() as transaction:
            await write(transaction, 1)  # waits for the other transaction
            await write(transaction, 2)

    async with database.writing() as other:
        await write(other, 1)
        waiting = asyncio.create_task(insert())
        await asyncio.sleep(0.2)
        for _ in range(2):
            waiting.cancel()
            await asyncio.sleep(0.05)
        assert not waiting.done()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await numbers(database) == [1]
    async with database.writing() as transaction:
        await write(transaction, 2)
    assert await numbers(database) == [1, 2]
    assert database._engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_commit_that_has_begun_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, committing, go_on = AsyncConnection.commit, asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        committing.set()
        await go_on.wait()
        await commit(connection)

    async def insert() -> None:
        async with database.writing() as transaction:
            await write(transaction, 1)

    monkeypatch.setattr(AsyncConnection, "commit", slow)
    inserting = asyncio.create_task(insert())
    await committing.wait()
    inserting.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await inserting
    assert await numbers(database) == [1]
