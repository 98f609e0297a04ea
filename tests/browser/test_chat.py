"""A person talks about pictures, with and without JavaScript."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.findings import findings
from tests.browser.journey import PATIENCE_MS
from tests.web.fakes import FakeGenerator, complete, delta, says, started

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

WIDER = """() => {
  const around = [];
  for (let element of document.querySelectorAll(".bubble, .prose"))
    for (; element; element = element.parentElement) around.push(element);
  const wider = around.filter(element => element.scrollWidth > element.clientWidth);
  return wider.map(element => element.outerHTML.slice(0, 80));
}"""
"""What around questions and answers can be scrolled sideways."""


async def test_dropped_picture_is_asked_about_and_text_grows(
    open_tab: OpenTab, generator: FakeGenerator, pictures: list[Path]
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("A red "), gate, delta("**square**."), complete(2)])
    tab = await open_tab()
    await tab.drop(pictures)
    await tab.expect_chips(2)
    await tab.ask("What is this?")
    await expect(tab.last_answer()).to_have_text("A red")
    gate.set()
    await expect(tab.last_answer()).to_have_text("A red square.")
    await tab.expect_answers(1)
    await expect(tab.questions().locator(".thumbnail img")).to_have_count(2)
    sent = [part.media.data for part in generator.requests[0].messages[0].parts[:2]]
    assert sent == [picture.read_bytes() for picture in pictures]


async def test_follow_up_streams_into_the_same_page_and_reload_finds_all(
    open_tab: OpenTab, generator: FakeGenerator, pictures: list[Path]
) -> None:
    gate = asyncio.Event()
    generator.enqueue(says("A square."))
    generator.enqueue([started(), delta("It is "), gate, delta("red."), complete(2)])
    tab = await open_tab()
    await tab.choose(pictures[:1])
    await tab.expect_chips(1)
    await tab.ask("What is this?")
    await tab.expect_answers(1)
    await tab.page.evaluate("window.notReloaded = true")
    await tab.ask("Which colour?")
    await expect(tab.last_answer()).to_have_text("It is")
    gate.set()
    await tab.expect_answers(2)
    assert await tab.page.evaluate("window.notReloaded")
    await expect(tab.page.locator("#question")).to_have_value("")
    await expect(tab.page.locator("#question")).to_be_focused()
    said = ["What is this?", "A square.", "Which colour?", "It is red."]
    assert await tab.texts() == said
    await tab.page.reload()
    assert await tab.texts() == said
    assert len(generator.requests[1].messages) == 3
    assert generator.requests[1].messages[0].parts[0].media.data == pictures[0].read_bytes()


async def test_stop_keeps_what_has_arrived(open_tab: OpenTab, generator: FakeGenerator) -> None:
    generator.enqueue([started(), delta("Half an"), asyncio.Event()])
    tab = await open_tab()
    await tab.ask("Tell me a long story.")
    await expect(tab.last_answer()).to_have_text("Half an")
    await tab.stop()
    await tab.expect_answers(1)
    await expect(tab.page.get_by_text("You stopped this answer.")).to_be_visible()
    assert generator.cancelled_count == 1
    await tab.ask("Go on.")
    await tab.expect_answers(2)


async def test_reload_resumes_a_running_answer(open_tab: OpenTab, generator: FakeGenerator) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("One "), gate, delta("two."), complete(2)])
    tab = await open_tab()
    await tab.ask("Count.")
    await expect(tab.last_answer()).to_have_text("One")
    await tab.page.reload()
    await expect(tab.last_answer()).to_have_text("One")
    gate.set()
    await expect(tab.last_answer()).to_have_text("One two.")
    await tab.expect_answers(1)
    assert generator.cancelled_count == 0


async def test_hidden_tab_lets_go_of_the_stream_and_comes_back_to_all_of_it(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    begin, *gates = [asyncio.Event() for _ in range(3)]
    steps = [begin, delta("One\n\n"), gates[0], delta("two\n\n"), gates[1], delta("three")]
    generator.enqueue([started(), *steps, complete(3)])
    tab = await open_tab()
    ended = asyncio.Event()
    async with tab.page.expect_response("**/stream"):  # what the page held would prove no stream
        await tab.ask("Count.")
    begin.set()
    await expect(tab.last_answer()).to_have_text("One")
    tab.page.on("requestfailed", lambda _: ended.set())
    await tab.hide(True)
    await asyncio.wait_for(ended.wait(), PATIENCE_MS / 1e3)
    gates[0].set()
    await tab.hide(False)
    await expect(tab.last_answer().locator("p")).to_have_text(["One", "two"])
    gates[1].set()
    await expect(tab.last_answer().locator("p")).to_have_text(["One", "two", "three"])
    await tab.expect_answers(1)
    assert generator.cancelled_count == 0


async def test_two_tabs_watch_one_answer(open_tab: OpenTab, generator: FakeGenerator) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("One "), gate, delta("two."), complete(2)])
    first = await open_tab()
    await first.ask("Count.")
    await expect(first.last_answer()).to_have_text("One")
    second = await open_tab()
    await second.page.goto(first.page.url)
    await expect(second.last_answer()).to_have_text("One")
    gate.set()
    for tab in (first, second):
        await expect(tab.last_answer()).to_have_text("One two.")
        await tab.expect_answers(1)


async def test_all_of_it_works_without_scripts(
    open_tab: OpenTab, generator: FakeGenerator, pictures: list[Path]
) -> None:
    gate = asyncio.Event()
    generator.enqueue([started(), delta("A red "), gate, delta("square."), complete(2)])
    second_gate = asyncio.Event()
    generator.enqueue([started(), delta("It is "), second_gate, delta("red."), complete(2)])
    generator.enqueue([started(), delta("Half"), asyncio.Event()])
    tab = await open_tab(java_script_enabled=False)
    await tab.drop(pictures[:1], "#files")
    await tab.ask("What is this?")
    await expect(tab.last_answer()).to_have_text("A red")
    gate.set()
    await tab.expect_answers(1)
    await expect(tab.last_answer()).to_have_text("A red square.")
    await tab.ask("Which colour?")
    await expect(tab.last_answer()).to_have_text("It is")
    second_gate.set()
    await tab.expect_answers(2)
    await tab.ask("And more?")
    await expect(tab.last_answer()).to_have_text("Half")
    await tab.stop()
    await tab.expect_answers(3)
    said = ["What is this?", "A red square.", "Which colour?", "It is red.", "And more?", "Half"]
    assert await tab.texts() == said
    await tab.open()
    await tab.page.get_by_role("link", name="What is this?").click()
    await tab.expect_answers(3)
    await tab.page.get_by_role("button", name="Delete What is this?").click()
    await expect(tab.page.get_by_text("Nothing here yet.")).to_be_visible()


async def test_chip_can_be_removed_and_useless_file_is_explained(
    open_tab: OpenTab, generator: FakeGenerator, pictures: list[Path], tmp_path: Path
) -> None:
    svg = tmp_path / "evil.png"
    svg.write_text("<svg onload=alert(1)>")
    tab = await open_tab()
    await tab.choose(pictures[:1])
    await tab.expect_chips(1)
    await tab.page.get_by_role("button", name="Remove red.png").click()
    await tab.expect_chips(0)
    await tab.choose([svg])
    await expect(tab.page.locator("#composer-notice")).to_contain_text("not a picture")
    await expect(tab.page.locator("#files")).to_have_value("")
    await tab.choose(pictures[1:])
    await tab.expect_chips(1)
    await expect(tab.page.locator("#composer-notice")).not_to_contain_text("not a picture")
    await tab.ask("And this?")
    await tab.expect_answers(1)
    assert len(generator.requests[0].messages[0].parts) == 2


async def test_settings_are_saved_as_they_change(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    tab = await open_tab()
    await tab.ask("Hi")
    await tab.expect_answers(1)
    await tab.page.locator(".settings > summary").click()
    await tab.page.locator("#temperature").fill("0.7")
    await expect(tab.page.locator("#settings-shown")).to_contain_text("temperature 0.70")
    await tab.page.reload()
    await tab.page.locator(".settings > summary").click()
    await expect(tab.page.locator("#temperature")).to_have_value("0.7")
    await tab.ask("Again")
    await tab.expect_answers(2)
    assert generator.requests[1].sampling.temperature == 0.7


async def test_conversation_is_deleted_after_a_question(
    open_tab: OpenTab, generator: FakeGenerator
) -> None:
    tab = await open_tab()
    await tab.ask("Secret")
    await tab.expect_answers(1)
    tab.page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await tab.page.get_by_role("button", name="Delete Secret").click()
    await expect(tab.page.get_by_text("Nothing here yet.")).to_be_visible()


async def test_hostile_answer_runs_nothing(open_tab: OpenTab, generator: FakeGenerator) -> None:
    probe = (
        '<script>window.owned=1</script><img src=x onerror="window.owned=1">'
        "[link](javascript:window.owned=1) ![p](https://evil.example/p.png)"
        '<div hx-get="/" hx-trigger="load"></div>'
    )
    generator.enqueue(says(probe))
    tab = await open_tab()
    await tab.ask(probe)
    await tab.expect_answers(1)
    assert await tab.page.evaluate("window.owned") is None
    await expect(tab.last_answer().locator("img, script, [hx-get]")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_overflows(open_tab: OpenTab, generator: FakeGenerator, scheme: str) -> None:
    generator.enqueue(says("| " + "wide " * 30 + "|\n|---|\n\n" + "x" * 500))
    tab = await open_tab(viewport={"width": 1280, "height": 700}, color_scheme=scheme)
    await tab.ask("W" * 300)
    await tab.expect_answers(1)
    for width in (1280, 390, 320):
        await tab.page.set_viewport_size({"width": width, "height": 700})
        assert await tab.page.evaluate(WIDER) == []
        assert await findings(tab.page) == []
