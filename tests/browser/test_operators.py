"""An operator signs in and watches the services."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from sightline.generator.v1 import generator_pb2

from tests.browser.conftest import watch
from tests.browser.findings import findings
from tests.web.accounts.people import PASSWORD, app_with_accounts, password_file
from tests.web.fakes import FakeGenerator
from tests.web.servers import running_server

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("with_script", [True, False])
async def test_figures_renew_themselves_and_an_open_table_stays_open(
    browser: Browser,
    generator: FakeGenerator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    with_script: bool,
) -> None:
    monkeypatch.setattr("sightline_web.operators.sampler.INTERVAL_S", 0.2)
    monkeypatch.setattr("sightline_web.operators.routes.INTERVAL_S", 1.0)
    app = app_with_accounts(generator, tmp_path, password_file(tmp_path))
    faults: list[str] = []
    async with running_server(app, tmp_path) as server:
        context = await browser.new_context(java_script_enabled=with_script)
        page = await context.new_page()
        watch(page, server.url, faults)
        await page.goto(f"{server.url}/operator")
        await page.get_by_label("Name").fill("olga")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page).to_have_url(f"{server.url}/operator")
        running = page.locator("figure", has_text="Running").locator("strong")
        await expect(running).to_have_text("0")
        if with_script:
            await page.locator("summary").click()
        generator.current_load = generator_pb2.GetLoadResponse(running_count=7, block_count=1)
        await expect(running).to_have_text("7", timeout=20_000)
        if with_script:
            await expect(page.locator("#figures-table")).to_be_visible()
            await expect(page.locator("#figures-table td", has_text="7").first).to_be_visible()
            faults += await findings(page)
        await context.close()
    assert faults == []
