"""Fixtures: a scripted generator, the service around it, and clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.types import ASGIApp

from tests.web.fakes import FakeGenerator
from tests.web.servers import RunningServer, build_app, lifespan, running_server


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator()


@pytest.fixture
async def app(generator: FakeGenerator, tmp_path: Path) -> AsyncIterator[ASGIApp]:
    app = build_app(generator, tmp_path, max_body_bytes=2**20, max_image_bytes=2**17)
    async with lifespan(app):
        yield app


@pytest.fixture
async def client(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def server(generator: FakeGenerator, tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(build_app(generator, tmp_path), tmp_path) as server:
        yield server


@pytest.fixture
async def web(server: RunningServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the real server, for what must arrive piece by piece."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=10) as client:
        yield client
