"""What axe finds wrong with a page."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page


async def findings(page: Page) -> list[str]:
    """Returns one line a rule, with the first element that breaks it."""
    found = (await Axe().run(page, options={"resultTypes": ["violations"]})).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]
