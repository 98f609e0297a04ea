"""Draws scenes in a headless Chromium: a renderer for the examination, never for training."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from random import Random

from PIL import Image
from playwright.sync_api import Browser, Error, Page, sync_playwright

from training.world.appearance import draw_appearance
from training.world.page import page_of
from training.world.picture import Picture
from training.world.scene import Scene

BROWSERS = ("chromium", "google-chrome", "chromium-browser")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
JPEG_SHARE = 0.3  # of the screenshots; the others are lossless
ATTEMPTS = 5


class BrowserMissing(RuntimeError):
    """There is no Chromium to draw with."""


def draw_browser_pictures(scenes: Iterable[Scene]) -> list[Picture]:
    """One picture for each scene, all by one browser.

    What a scene leaves open (colours, ground, shadows) depends on its position alone. Raises
    BrowserMissing. Not to be called while an event loop runs in this thread.
    """
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            return list(screenshots(browser, scenes))
        finally:
            browser.close()


def executable() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise BrowserMissing("No Chromium is installed; put `chromium` on the PATH.")
    return found


def screenshots(browser: Browser, scenes: Iterable[Scene]) -> Iterator[Picture]:
    page = browser.new_page()
    for index, scene in enumerate(scenes):
        yield draw(page, scene, Random(f"browser {index}"))


def draw(page: Page, scene: Scene, rng: Random) -> Picture:
    page.set_viewport_size({"width": scene.width, "height": scene.height})
    page.set_content(page_of(scene, draw_appearance(rng, scene, plain=False)))
    quality = rng.randint(60, 95) if rng.random() < JPEG_SHARE else None
    image = Image.open(io.BytesIO(screenshot(page, quality))).convert("RGB")
    return Picture(image, tuple(shape.outline for shape in scene.shapes))


def screenshot(page: Page, quality: int | None) -> bytes:
    """Takes a JPEG of a quality, or a PNG; on a busy machine not every attempt finds a frame."""
    for _ in range(ATTEMPTS - 1):
        with suppress(Error):
            return page.screenshot(type="jpeg" if quality else "png", quality=quality)
    return page.screenshot(type="jpeg" if quality else "png", quality=quality)
