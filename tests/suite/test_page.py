"""The person's journey over the page, with the real model behind it."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import watch
from tests.browser.journey import ChatDriver
from tests.suite.pictures import EXAMPLES

pytestmark = [pytest.mark.suite, pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def open_driver(browser, suite, faults, **options):
    context = await browser.new_context(**options)
    page = await context.new_page()
    watch(page, suite.url, faults)
    driver = ChatDriver(page, suite.url)
    await driver.open()
    return driver


@pytest.mark.parametrize("java_script_enabled", [True, False], ids=["script", "no script"])
async def test_picture_question_follow_up_reload(browser, suite, java_script_enabled):
    faults = []
    tab = await open_driver(browser, suite, faults, java_script_enabled=java_script_enabled)
    if java_script_enabled:
        await tab.drop([EXAMPLES / "shapes.png"])
        await tab.expect_chips(1)
    else:
        await tab.choose([EXAMPLES / "shapes.png"])
    await tab.ask("Describe the image.")
    await tab.expect_answers(1)
    await tab.ask("How many shapes are there?")
    await tab.expect_answers(2)
    said = await tab.texts()
    assert len(said) == 4
    assert all(said)
    await tab.page.reload()
    assert await tab.texts() == said
    await expect(tab.questions().locator(".thumbnail img")).to_have_count(1)
    await tab.page.context.close()
    assert faults == []
