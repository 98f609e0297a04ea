"""A person shows pages of a PDF and videos, with and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from sightline.type.v1 import media_pb2

from tests.browser.conftest import OpenTab
from tests.browser.test_conversations import SCRIPTS
from tests.web.fakes import FakeGenerator
from tests.web.pdf import files

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


CLIP = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
"""As much of a video as the page looks at."""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.pdf"
    path.write_bytes(files.coloured((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    return path


async def test_pages_are_chosen_and_sent(
    open_tab: OpenTab, generator: FakeGenerator, report: Path
) -> None:
    tab = await open_tab()
    await tab.drop([report])
    await tab.expect_chips(3)
    pages = tab.page.get_by_label("Pages")
    await expect(pages).to_have_value("1-3")
    await pages.fill("9")
    await pages.press("Enter")
    await expect(tab.page.locator("#composer-notice")).to_contain_text("has only 3 pages")
    await pages.fill("2")
    await pages.press("Enter")
    await tab.expect_chips(1)
    await expect(tab.page.locator("#composer-notice p")).to_have_count(0)
    await tab.ask("What is it?")
    await tab.expect_answers(1)
    await expect(tab.questions().locator("img").first).to_have_attribute(
        "alt", "report.pdf, page 2"
    )
    assert len(generator.requests[0].messages[0].parts) == 2


async def test_pages_are_chosen_without_scripts(
    open_tab: OpenTab, generator: FakeGenerator, report: Path
) -> None:
    tab = await open_tab(java_script_enabled=False)
    await tab.choose([report])
    await tab.page.get_by_label("Pages of a PDF").fill("2-3")
    await tab.ask("What is it?")
    await tab.expect_answers(1)
    assert len(generator.requests[0].messages[0].parts) == 3


@SCRIPTS
async def test_video_is_sent_and_played_where_the_model_takes_them(
    open_tab: OpenTab,
    generator: FakeGenerator,
    tmp_path: Path,
    options: dict[str, object],
) -> None:
    generator.media_kinds.append(media_pb2.MEDIA_KIND_VIDEO)
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(CLIP)
    tab = await open_tab(**options)
    await expect(tab.page.locator("#files")).to_have_attribute("accept", re.compile("video/mp4"))
    await tab.choose([clip])
    if not options:
        await expect(tab.page.locator(".chip video")).to_have_count(1)
    await tab.ask("What happens?")
    await tab.expect_answers(1)
    video = tab.questions().locator("video[controls]")
    await expect(video).to_have_attribute("aria-label", "clip.mp4")
    sent = generator.requests[0].messages[0].parts[0].media
    assert (sent.kind, sent.data) == (media_pb2.MEDIA_KIND_VIDEO, CLIP)
