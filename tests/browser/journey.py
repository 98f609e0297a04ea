"""What a person does on the page. Works against any running Sightline.

Nothing here knows what the model answers, so that the same steps drive the scripted
generator and the real suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Locator, Page, expect

PATIENCE_MS = 30_000


class ChatDriver:
    """Drives the chat page of one browser tab."""

    def __init__(self, page: Page, url: str, language: str = "en") -> None:
        self.page = page
        self.url = url
        self.language = language
        page.set_default_timeout(PATIENCE_MS)

    async def open(self) -> None:
        await self.page.goto(self.url)

    async def drop(self, files: Sequence[Path], selector: str = "#question") -> None:
        """Drags files in from outside and lets them go in the middle of an element."""
        box = await self.page.locator(selector).bounding_box()
        assert box is not None
        where = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        names = [str(file) for file in files]
        data = {"items": [], "files": names, "dragOperationsMask": 1}
        session = await self.page.context.new_cdp_session(self.page)
        for kind in ("dragEnter", "dragOver", "drop"):
            await session.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})

    async def choose(self, files: Sequence[Path]) -> None:
        """Chooses files with the button."""
        await self.page.locator("#files").set_input_files([str(file) for file in files])

    async def expect_chips(self, count: int) -> None:
        await expect(self.page.locator(".chip img")).to_have_count(count, timeout=PATIENCE_MS)

    async def ask(self, text: str) -> None:
        await self.page.locator("#question").fill(text)
        await self.page.locator("#send").click()

    def questions(self) -> Locator:
        return self.page.locator("article.is-user")

    def answers(self) -> Locator:
        return self.page.locator("article.is-assistant")

    def last_answer(self) -> Locator:
        return self.answers().last.locator(".answer")

    async def expect_answers(self, count: int) -> None:
        """Waits until there are so many answers and none is running."""
        await expect(self.answers()).to_have_count(count, timeout=PATIENCE_MS)
        running = self.page.locator("article.is-running")
        await expect(running).to_have_count(0, timeout=PATIENCE_MS)

    async def hide(self, hidden: bool) -> None:
        """Tells the page what a browser does when its tab is left or comes back."""
        state = "hidden" if hidden else "visible"
        values = {"hidden": str(hidden).lower(), "visibilityState": f"'{state}'"}
        for name, value in values.items():
            await self.page.evaluate(
                f"Object.defineProperty(document, '{name}',"
                f" {{get: () => {value}, configurable: true}})"
            )
        await self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    async def stop(self) -> None:
        await self.page.locator(".stop-button").click()

    async def texts(self) -> list[str]:
        """Returns all bubbles and answers as a person reads them."""
        return await self.page.locator(".bubble, .prose").all_inner_texts()
