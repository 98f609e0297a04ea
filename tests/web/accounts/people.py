"""People who sign in, in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from argon2 import PasswordHasher
from sightline_web.accounts.password_directory import PasswordDirectory
from sightline_web.accounts.password_file import Entry, PasswordFile, write_entries
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.generator_client import Generator
from starlette.applications import Starlette
from starlette.types import ASGIApp

from tests.web.migrated import migrated_database

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse"
URL = "http://localhost"


def password_file(folder: Path, **operators: bool) -> Path:
    """Writes a file of people who all have the same password."""
    path = folder / "people"
    names = operators or {"anna": False, "boris": False, "olga": True}
    hashed = CHEAP.hash(PASSWORD)
    write_entries(path, {name: Entry(name, hashed, role) for name, role in names.items()})
    return path


def app_with_accounts(generator: Generator, folder: Path, path: Path, **changes: object) -> ASGIApp:
    settings = WebSettings(data_dir=folder, port=0, drain_s=1.0, **changes)  # type: ignore[arg-type]
    directory = PasswordDirectory(PasswordFile(path))
    return create_app(generator, migrated_database(settings), settings, directory)


def starlette_in(app: ASGIApp) -> Starlette:
    """Returns the application behind everything that requests meet first."""
    while not isinstance(app, Starlette):
        app = app._app  # type: ignore[attr-defined]
    return app


def visitor(app: ASGIApp, url: str = URL) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=url)


async def sign_in(
    client: httpx2.AsyncClient, name: str, password: str = PASSWORD, path: str = "/"
) -> httpx2.Response:
    return await client.post("/sign-in", data={"name": name, "password": password, "next": path})


@asynccontextmanager
async def signed_in(app: ASGIApp, name: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with visitor(app) as client:
        assert (await sign_in(client, name)).status_code == 303
        yield client
