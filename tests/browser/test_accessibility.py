"""axe finds nothing wrong with the page's main states: `open_tab` asks it where a test ends."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenTab
from tests.browser.findings import findings
from tests.browser.states import STATES, State, answered
from tests.web.fakes import FakeGenerator

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_state_has_no_findings(
    open_tab: OpenTab, generator: FakeGenerator, state: State
) -> None:
    await state(await open_tab(), generator)


async def test_dark_phone_with_its_list_has_no_findings(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    viewport = {"width": 390, "height": 844}
    tab = await open_tab(color_scheme="dark", viewport=viewport, has_touch=True)
    await answered(tab, generator)
    assert await findings(tab.page) == []
    await tab.page.locator(".menu-button").click()


async def test_page_that_is_not_there_has_no_findings(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.page.goto(f"{tab.url}/c/none")


async def test_findings_are_told(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.page.evaluate("document.querySelector('#send').removeAttribute('aria-label')")
    assert any(each.startswith("button-name") for each in await findings(tab.page))
    await tab.open()
