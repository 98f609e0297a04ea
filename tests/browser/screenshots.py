"""Takes pictures of the page's main states: `python -m tests.browser.screenshots`.

Light and dark, phone and desktop, English and Chinese, against a generator that says what it
was told to. Pictures have 256 colours, so that they stay small.
"""

from __future__ import annotations

import argparse
import asyncio
import io
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import launched
from tests.browser.journey import ChatDriver
from tests.browser.states import STATES, State
from tests.web.fakes import FakeGenerator
from tests.web.servers import build_app, running_server

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".cache/screenshots"))
    parser.add_argument("--only", default="", help="part of the names that are wanted")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launched(playwright)
        for state, size, scheme, language in product(STATES, SIZES, SCHEMES, LANGUAGES):
            name = f"{state.__name__}-{size}-{scheme}-{language}.png"
            if arguments.only in name:
                await take(browser, state, (size, scheme, language), arguments.folder / name)
                print(name)
        await browser.close()


async def take(browser: Browser, state: State, look: tuple[str, str, str], path: Path) -> None:
    """Opens a page of its own, brings it into a state, and saves what is seen."""
    size, scheme, language = look
    width, height = SIZES[size]
    generator = FakeGenerator()
    with TemporaryDirectory() as folder:
        data_dir = Path(folder)
        async with running_server(build_app(generator, data_dir), data_dir) as server:
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
                locale=LANGUAGES[language],
                has_touch=size == "phone",
            )
            tab = ChatDriver(await context.new_page(), server.url, LANGUAGES[language])
            await tab.open()
            await state(tab, generator)
            save(await tab.page.screenshot(animations="disabled"), path)
            await context.close()


def save(png: bytes, path: Path) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
