"""axe finds nothing wrong with the page's main states."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe

from tests.browser.conftest import OpenTab
from tests.browser.journey import ChatDriver
from tests.browser.states import STATES, State, answered
from tests.web.fakes import FakeGenerator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def findings(tab: ChatDriver) -> list[str]:
    """Returns what axe has to say, one line a rule with the first element that breaks it."""
    found = (await Axe().run(tab.page)).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_state_has_no_findings(
    open_tab: OpenTab, generator: FakeGenerator, state: State
) -> None:
    tab = await open_tab()
    await state(tab, generator)
    assert await findings(tab) == []


async def test_dark_phone_and_shared_page_have_no_findings(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    viewport = {"width": 390, "height": 844}
    tab = await open_tab(color_scheme="dark", viewport=viewport, has_touch=True)
    await answered(tab, generator)
    assert await findings(tab) == []
    await tab.page.locator(".menu-button").click()
    assert await findings(tab) == []
    await tab.page.goto(tab.page.url)
    await tab.page.locator(".menu summary").click()
    await tab.page.locator("#share button").first.click()
    link = await tab.page.locator("#link").input_value()
    await tab.page.goto(link)
    assert await findings(tab) == []
    await tab.page.goto(f"{tab.url}/c/none")
    assert await findings(tab) == []
