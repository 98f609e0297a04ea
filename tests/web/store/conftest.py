"""Both databases, for real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from sightline_web.store.conversations import ConversationStore
from sightline_web.store.database import Database

from tests.web.store.postgres_server import RunningPostgres, running_postgres

NewUrl = Callable[[], str]


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes URLs of empty databases."""
    if request.param == "postgresql":
        server: RunningPostgres = request.getfixturevalue("postgres")
        return server.new_url
    numbers = count(1)
    return lambda: f"sqlite+aiosqlite:///{tmp_path}/deep/{next(numbers)}.db"


@pytest.fixture
async def database(new_url: NewUrl) -> AsyncIterator[Database]:
    database = Database(new_url())
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> ConversationStore:
    return ConversationStore(database)
