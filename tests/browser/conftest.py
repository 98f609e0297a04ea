"""The distribution's Chromium, and tabs that forgive nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from tests.browser import chromium
from tests.browser.findings import findings
from tests.browser.journey import PATIENCE_MS, ChatDriver
from tests.web.fakes import FakeGenerator, png
from tests.web.servers import RunningServer, build_app, running_server

OpenTab = Callable[..., Awaitable[ChatDriver]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if chromium.installed() is None:
        pytest.skip("no Chromium is installed")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await chromium.launched(playwright)
        yield browser
        await browser.close()


@pytest.fixture
def generator() -> FakeGenerator:
    return FakeGenerator()


@pytest_asyncio.fixture(loop_scope="session")
async def server(generator: FakeGenerator, tmp_path: Path) -> AsyncIterator[RunningServer]:
    data_dir = tmp_path / "data"
    async with running_server(build_app(generator, data_dir), data_dir) as server:
        yield server


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "red.png", tmp_path / "blue.png"]
    files[0].write_bytes(png(200, 40, 40))
    files[1].write_bytes(png(40, 40, 200))
    return files


@pytest_asyncio.fixture(loop_scope="session")
async def open_tab(browser: Browser, server: RunningServer) -> AsyncIterator[OpenTab]:
    """Opens tabs whose console errors, CSP violations and foreign requests fail the test.

    So does what axe finds where a journey ends; without scripts it cannot look.
    """
    faults: list[str] = []
    async with AsyncExitStack() as stack:
        seen: list[Page] = []

        async def open_tab(**options: object) -> ChatDriver:
            context = await browser.new_context(**options)  # type: ignore[arg-type]
            stack.push_async_callback(context.close)
            page = await context.new_page()
            watch(page, server.url, faults)
            driver = ChatDriver(page, server.url)
            await driver.open()
            if options.get("java_script_enabled", True):
                seen.append(page)
            return driver

        yield open_tab
        for page in seen:
            faults += await findings(page)
    assert faults == []


def watch(page: Page, url: str, faults: list[str]) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            faults.append(message.text)

    def on_request(request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(url):
            faults.append(f"request to {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", on_request)
