"""The web service around a fake generator: in this process, and on a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from sightline_web.__main__ import server_config
from sightline_web.app import create_app
from sightline_web.config import WebSettings
from sightline_web.generator_client import Generator
from starlette.types import ASGIApp, Message

from tests.web.migrated import migrated_database


def build_app(generator: Generator, data_dir: Path, **changes: object) -> ASGIApp:
    settings = WebSettings(data_dir=data_dir, port=0, drain_s=1.0, **changes)  # type: ignore[arg-type]
    return create_app(generator, migrated_database(settings), settings)


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Starts an application and stops it, as a server does."""
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running = asyncio.create_task(app(scope, incoming.get, outgoing.put))  # type: ignore[arg-type]
    await incoming.put({"type": "lifespan.startup"})
    answer = await outgoing.get()
    assert answer["type"] == "lifespan.startup.complete", answer
    try:
        yield
    finally:
        await incoming.put({"type": "lifespan.shutdown"})
        await running


@dataclass(frozen=True)
class RunningServer:
    url: str
    server: uvicorn.Server


@asynccontextmanager
async def running_server(app: ASGIApp, data_dir: Path) -> AsyncIterator[RunningServer]:
    """Serves an application on a free port with the product's own server settings."""
    settings = WebSettings(data_dir=data_dir, port=0, drain_s=1.0)
    server = uvicorn.Server(server_config(app, settings))
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield RunningServer(f"http://127.0.0.1:{port}", server)
    finally:
        server.should_exit = True
        await serving
