"""How the page looks and feels: colours, narrow screens, the keyboard."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.web.fakes import FakeGenerator, complete, delta, started

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

GROUND = "getComputedStyle(document.body).backgroundColor"
FOCUS_IS_SEEN = """() => {
  const focused = document.activeElement;
  if (focused === document.body) return [true, "body"];
  const drawn = element => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" || style.boxShadow !== "none";
  };
  const label = focused.closest(".pick")?.querySelector(".pick-label");
  const around = focused.closest(".edit-form, .composer-form")?.closest(".edit-form, .composer");
  const seen = [focused, label, focused.matches("textarea") && around].filter(Boolean).some(drawn);
  const box = focused.getBoundingClientRect();
  return [seen && box.width > 0, focused.outerHTML.slice(0, 120)];
}"""


@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no script"])
async def test_dark_can_be_chosen_and_stays(open_tab: OpenTab, scripts: bool) -> None:
    tab = await open_tab(color_scheme="light", java_script_enabled=scripts)
    ground = tab.page.locator("body")
    await expect(ground).to_have_css("background-color", "rgb(250, 249, 247)")
    await tab.page.get_by_role("button", name="Dark").click()
    await expect(ground).to_have_css("background-color", "rgb(22, 23, 22)")
    await tab.open()
    await expect(ground).to_have_css("background-color", "rgb(22, 23, 22)")
    await expect(tab.page.get_by_role("button", name="Dark")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_every_stop_of_the_tab_key_is_seen(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    generator.enqueue(
        [
            started(),
            delta(reasoning="Hm."),
            delta("Yes, [a link](https://example.org)."),
            complete(2),
        ]
    )
    tab = await open_tab()
    await tab.ask("Is it?")
    await tab.expect_answers(1)
    await tab.page.locator(".settings > summary").click()
    await tab.page.locator(".edit summary").click()
    await tab.page.locator(".brand").click()
    stops = []
    for _ in range(60):
        await tab.page.keyboard.press("Tab")
        seen, element = await tab.page.evaluate(FOCUS_IS_SEEN)
        assert seen, element
        stops.append(element)
    together = " ".join(stops)
    for name in ("question", "send", "temperature", "clipboard-copy", "history", 'name="theme"'):
        assert name in together, name


async def test_thinking_is_folded_with_its_duration(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    generator.enqueue([started(), delta(reasoning="Hm."), 0.2, delta("Yes."), complete(2)])
    tab = await open_tab()
    await tab.ask("Is it?")
    await tab.expect_answers(1)
    summary = tab.page.locator(".reasoning summary")
    await expect(summary).to_contain_text("Thought for 0.")
    await expect(tab.page.locator(".reasoning-text")).to_be_hidden()
    await summary.click()
    await expect(tab.page.locator(".reasoning-text")).to_have_text("Hm.")


async def test_camera_is_offered_where_there_is_touch(open_tab: OpenTab) -> None:
    phone = await open_tab(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    await expect(phone.page.locator("#camera")).to_have_attribute("capture", "environment")
    await expect(phone.page.locator(".camera .pick-label")).to_be_visible()
    assert await phone.page.evaluate("document.documentElement.scrollWidth") <= 320
    desk = await open_tab()
    await expect(desk.page.locator(".camera .pick-label")).to_be_hidden()


@pytest.mark.parametrize("scripts", [True, False], ids=["script", "no script"])
async def test_enter_sends_where_it_is_chosen_and_not_while_composing(
    open_tab: OpenTab, generator: FakeGenerator, scripts: bool
) -> None:
    tab = await open_tab(java_script_enabled=scripts)
    question = tab.page.locator("#question")
    await question.press("Enter")
    await tab.page.get_by_role("button", name="Enter: send").click()
    await expect(tab.page.locator("input#question")).to_be_focused()
    session = await tab.page.context.new_cdp_session(tab.page)
    composed = {"text": "圆", "selectionStart": 1, "selectionEnd": 1}
    await session.send("Input.imeSetComposition", composed)
    key = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    await session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    await session.send("Input.insertText", {"text": "圆形"})
    await expect(question).to_have_value("圆形")
    assert generator.requests == []
    await question.press("Enter")
    await tab.expect_answers(1)
    assert await tab.texts() == ["圆形", "ok"]
