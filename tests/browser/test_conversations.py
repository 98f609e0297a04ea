"""Journeys through versions, files and the list of conversations."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.web.chat.test_long_conversations import document
from tests.web.fakes import FakeGenerator, says

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SCRIPTS = pytest.mark.parametrize(
    "options", [{}, {"java_script_enabled": False}], ids=["script", "no script"]
)


async def settled(tab, text: str) -> None:
    await expect(tab.page.locator(".prose").last).to_contain_text(text, timeout=15_000)
    await tab.expect_answers(1)


@SCRIPTS
async def test_answer_again_and_go_back_to_the_first(
    open_tab: OpenTab, generator: FakeGenerator, options: dict[str, object]
) -> None:
    generator.enqueue(says("First answer"))
    generator.enqueue(says("Second answer"))
    tab = await open_tab(**options)
    await tab.ask("What?")
    await settled(tab, "First answer")
    await tab.page.get_by_role("button", name="Answer again").click()
    await settled(tab, "Second answer")
    await expect(tab.page.locator(".is-assistant .versions")).to_contain_text("2/2")
    await tab.page.get_by_role("button", name="Earlier version").click()
    await settled(tab, "First answer")


@SCRIPTS
async def test_reworded_question_becomes_a_branch(
    open_tab: OpenTab, generator: FakeGenerator, options: dict[str, object]
) -> None:
    generator.enqueue(says("One"))
    generator.enqueue(says("Two"))
    tab = await open_tab(**options)
    await tab.ask("First words")
    await settled(tab, "One")
    await tab.page.locator(".edit summary").click()
    await expect(tab.page.locator(".edit textarea")).to_have_value("First words")
    await tab.page.locator(".edit textarea").fill("Other words")
    await tab.page.get_by_role("button", name="Ask again", exact=True).click()
    await settled(tab, "Two")
    await expect(tab.page.locator(".bubble")).to_have_text("Other words")
    await tab.page.get_by_role("button", name="Earlier version").click()
    await expect(tab.page.locator(".bubble")).to_have_text("First words")


async def test_copy_puts_the_answer_as_written_on_the_clipboard(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    generator.enqueue(says("Some **bold** 文字"))
    tab = await open_tab(permissions=["clipboard-read", "clipboard-write"])
    await tab.ask("What?")
    await settled(tab, "Some bold")
    await tab.page.locator("clipboard-copy").click()
    copied = await tab.page.evaluate("navigator.clipboard.readText()")
    assert copied == "Some **bold** 文字"


async def test_picture_opens_large_and_closes(
    open_tab: OpenTab, generator: FakeGenerator, pictures: list[Path]
) -> None:
    generator.enqueue(says("Red"))
    tab = await open_tab()
    await tab.choose(pictures[:1])
    await tab.expect_chips(1)
    await tab.ask("What?")
    await settled(tab, "Red")
    await tab.page.locator(".thumbnail").click()
    await expect(tab.page.locator("dialog.lightbox")).to_be_visible()
    await tab.page.get_by_role("button", name="Close").click()
    await expect(tab.page.locator("dialog.lightbox")).to_be_hidden()


@SCRIPTS
async def test_rename_delete_and_undo(
    open_tab: OpenTab, generator: FakeGenerator, options: dict[str, object]
) -> None:
    generator.enqueue(says("Yes"))
    tab = await open_tab(**options)
    await tab.ask("What?")
    await settled(tab, "Yes")
    await tab.page.locator(".menu summary").click()
    await tab.page.locator("#title").fill("My picture")
    await tab.page.get_by_role("button", name="Rename").click()
    await expect(tab.page.locator("h1")).to_have_text("My picture")
    await tab.page.get_by_role("button", name="Delete My picture").click()
    await expect(tab.page.locator(".undo")).to_contain_text("My picture")
    await expect(tab.page.locator("#history a")).to_have_count(0)
    await tab.page.get_by_role("button", name="Undo").click()
    await settled(tab, "Yes")


async def test_search_narrows_the_list_as_one_types(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    tab = await open_tab()
    for question, answer in (("Alpha", "一个红色的圆形"), ("Beta", "nothing")):
        generator.enqueue(says(answer))
        await tab.open()
        await tab.ask(question)
        await settled(tab, answer)
    await tab.page.locator("#search").fill("圆形")
    await expect(tab.page.locator("#history a")).to_have_text(["Alpha"])
    await tab.page.locator("#search").fill("")
    await expect(tab.page.locator("#history a")).to_have_count(2)


async def test_saved_conversation_is_read_in_again(
    open_tab: OpenTab, generator: FakeGenerator, tmp_path: Path
) -> None:
    generator.enqueue(says("An answer"))
    tab = await open_tab()
    await tab.ask("What?")
    await settled(tab, "An answer")
    await tab.page.locator(".menu summary").click()
    async with tab.page.expect_download() as waiting:
        await tab.page.get_by_text("Save as JSON").click()
    file = tmp_path / "saved.json"
    await (await waiting.value).save_as(file)
    assert json.loads(file.read_text("utf-8"))["title"] == "What?"
    await tab.page.locator(".import summary").click()
    await tab.page.locator("#import").set_input_files(str(file))
    await tab.page.get_by_role("button", name="Read in").click()
    await expect(tab.page.locator("#history a")).to_have_count(2)
    await settled(tab, "An answer")


async def test_preset_fills_the_settings_in_and_the_question_is_asked_with_them(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    tab = await open_tab()
    await tab.page.locator(".settings > summary").click()
    await tab.page.get_by_role("button", name="Education").click()
    await expect(tab.page.locator("#system")).to_have_value(re.compile("patient teacher"))
    await tab.ask("What?")
    await tab.expect_answers(1)
    request = generator.requests[-1]
    assert request.messages[0].parts[0].text.startswith("You are a patient teacher.")
    assert request.sampling.temperature == pytest.approx(0.3)


async def test_page_speaks_the_language_that_is_chosen(open_tab: OpenTab) -> None:
    tab = await open_tab(locale="zh-CN")
    await expect(tab.page.locator(".new-link").first).to_contain_text("新对话")
    await tab.page.get_by_role("button", name="English").click()
    await expect(tab.page.locator(".new-link").first).to_contain_text("New conversation")


@SCRIPTS
async def test_earlier_messages_are_shown_where_somebody_asks(
    open_tab: OpenTab, tmp_path: Path, options: dict[str, object]
) -> None:
    file = tmp_path / "long.json"
    file.write_bytes(document(100))
    tab = await open_tab(**options)
    await tab.page.locator(".import summary").click()
    await tab.page.locator("#import").set_input_files(str(file))
    await tab.page.get_by_role("button", name="Read in").click()
    await expect(tab.page.locator(".message")).to_have_count(40)
    await tab.page.get_by_role("link", name="Show earlier messages").click()
    await expect(tab.page.locator(".message")).to_have_count(80)
    await expect(tab.page.locator(".bubble", has_text="w60")).to_be_in_viewport()
    await tab.page.get_by_role("link", name="Show all; 20 more").click()
    await expect(tab.page.locator(".message")).to_have_count(100)
    assert await tab.texts() == [f"w{index}" for index in range(100)]
    await expect(tab.page.locator("#way-back")).to_have_count(0)
