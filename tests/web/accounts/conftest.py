"""The service with accounts, and people who have signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.types import ASGIApp

from tests.web.accounts.people import app_with_accounts, password_file, signed_in, visitor
from tests.web.fakes import FakeGenerator
from tests.web.servers import lifespan


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return password_file(tmp_path)


@pytest.fixture
async def app(generator: FakeGenerator, tmp_path: Path, people: Path) -> AsyncIterator[ASGIApp]:
    app = app_with_accounts(generator, tmp_path, people)
    async with lifespan(app):
        yield app


@pytest.fixture
async def nobody(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with visitor(app) as client:
        yield client


@pytest.fixture
async def anna(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with signed_in(app, "anna") as client:
        yield client


@pytest.fixture
async def boris(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with signed_in(app, "boris") as client:
        yield client


@pytest.fixture
async def olga(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with signed_in(app, "olga") as client:
        yield client
