"""The distribution's Chromium."""

from __future__ import annotations

import shutil

from playwright.async_api import Browser, Playwright


def installed() -> str | None:
    """Returns the path of a Chromium, if there is one."""
    return shutil.which("chromium") or shutil.which("google-chrome")


async def launched(playwright: Playwright) -> Browser:
    """Starts it without a window."""
    return await playwright.chromium.launch(
        executable_path=installed(), args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
