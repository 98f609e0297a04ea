"""A person lets others read a conversation, and keeps settings under names of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.test_conversations import SCRIPTS, settled
from tests.web.fakes import FakeGenerator, says

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@SCRIPTS
async def test_link_is_read_by_others_until_it_is_withdrawn(
    open_tab: OpenTab,
    generator: FakeGenerator,
    pictures: list[Path],
    options: dict[str, object],
) -> None:
    generator.enqueue(says("A red square"))
    tab, reader = await open_tab(**options), await open_tab(**options)
    await tab.choose(pictures[:1])
    await tab.ask("What is this?")
    await settled(tab, "A red square")
    place = tab.page.url
    await tab.page.locator(".menu summary").click()
    await tab.page.get_by_role("button", name="Share a link to read").click()
    if options:
        link = tab.page.url
        await tab.page.goto(place)
        await tab.page.locator(".menu summary").click()
    else:
        link = await tab.page.locator("#link").input_value()
    await reader.page.goto(link)
    assert await reader.texts() == ["What is this?", "A red square"]
    await expect(reader.page.locator(".pictures img")).to_be_visible()
    await expect(reader.page.locator("form")).to_have_count(0)
    await tab.page.get_by_role("button", name="Withdraw all links").click()
    await expect(tab.page.get_by_role("button", name="Withdraw all links")).to_have_count(0)
    await reader.page.reload()
    await expect(reader.page.locator("h1")).to_have_text("404")


@SCRIPTS
async def test_own_preset_is_kept_renamed_chosen_and_deleted(
    open_tab: OpenTab, generator: FakeGenerator, options: dict[str, object]
) -> None:
    tab = await open_tab(**options)
    page = tab.page

    async def open_own_presets() -> None:
        for summary in (".settings > summary", ".own-presets summary"):
            details = page.locator(summary).locator("..")
            if await details.get_attribute("open") is None:
                await page.locator(summary).click()

    await open_own_presets()
    await page.locator("#temperature").fill("0.35")
    await page.locator("#preset-name").fill("Invoices")
    await page.get_by_role("button", name="Keep these settings").click()
    chosen = page.locator("#presets button", has_text="Invoices")
    await expect(chosen).to_have_count(1)
    await open_own_presets()
    name = page.locator("#own-presets input[name=preset_name]").last
    await name.fill("Bills")
    await page.get_by_role("button", name="Rename").click()
    await expect(page.locator("#presets button", has_text="Bills")).to_have_count(1)
    await expect(chosen).to_have_count(0)
    await open_own_presets()
    await page.locator("#temperature").fill("1.5")
    await page.get_by_role("button", name="Bills", exact=True).click()
    await expect(page.locator("#temperature")).to_have_value("0.35")
    await open_own_presets()
    await page.get_by_role("button", name="Delete Bills").click()
    await expect(page.locator("#presets button", has_text="Bills")).to_have_count(0)
