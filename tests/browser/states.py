"""The page's main states: each brings a tab there from the empty page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import expect

from tests.browser.journey import PATIENCE_MS, ChatDriver
from tests.web.fakes import FakeGenerator, complete, delta, started
from tests.web.pdf.files import coloured

EXAMPLES = Path(__file__).parents[2] / "examples"
ANSWER = """The picture shows **three shapes** on a light ground:

| shape | colour | place |
|---|---|---|
| circle | red | left |
| square | blue | middle |
| triangle | green | right |

A circle of radius $r$ has the area \\(A = \\pi r^2\\). In Python:

```python
def area(radius: float) -> float:
    return math.pi * radius**2
```
"""
CHINESE_ANSWER = """图中有**三个图形**：

| 图形 | 颜色 | 位置 |
|---|---|---|
| 圆形 | 红色 | 左边 |
| 正方形 | 蓝色 | 中间 |
| 三角形 | 绿色 | 右边 |

半径为 $r$ 的圆，面积是 \\(A = \\pi r^2\\)。
"""
BOXES = "The circle is here: <|begin_of_box|>[[60, 320, 330, 690]]<|end_of_box|>"


def is_chinese(tab: ChatDriver) -> bool:
    return "zh" in tab.language


async def start(tab: ChatDriver, generator: FakeGenerator) -> None:
    """The empty page."""
    await expect(tab.page.locator(".examples img").last).to_be_visible()


async def answered(tab: ChatDriver, generator: FakeGenerator) -> None:
    """A picture, a question, thinking, and an answer with all that Markdown can do."""
    thinking = delta(reasoning="Three regions stand apart from the ground.")
    text = CHINESE_ANSWER if is_chinese(tab) else ANSWER
    generator.enqueue([started(), thinking, 0.05, delta(text), complete(96)])
    await tab.choose([EXAMPLES / "shapes.png"])
    await tab.expect_chips(1)
    await tab.ask("图里有什么？" if is_chinese(tab) else "What does the picture show?")
    await tab.expect_answers(1)


async def running(tab: ChatDriver, generator: FakeGenerator) -> None:
    """An answer that is being written, to be stopped by whoever is done with it."""
    text = "三个图形并排放着，" if is_chinese(tab) else "Three shapes stand side by side, "
    generator.enqueue([started(), delta(text), asyncio.Event()])
    await tab.ask("描述一下。" if is_chinese(tab) else "Describe it.")
    await expect(tab.last_answer()).to_contain_text(text[:5], timeout=PATIENCE_MS)


async def cut_off(tab: ChatDriver, generator: FakeGenerator) -> None:
    """A stopped answer that can go on, and the menu of the conversation."""
    await running(tab, generator)
    await tab.stop()
    await tab.expect_answers(1)
    await tab.page.locator(".menu summary").click()


async def settings(tab: ChatDriver, generator: FakeGenerator) -> None:
    """The settings with presets, one's own among them."""
    await tab.page.locator(".settings > summary").click()
    await tab.page.locator(".own-presets summary").click()
    await tab.page.locator("#preset-name").fill("发票" if is_chinese(tab) else "Invoices")
    await tab.page.locator(".preset-row button").first.click()
    await expect(tab.page.locator("#own-presets form").first).to_be_visible()


async def document(tab: ChatDriver, generator: FakeGenerator) -> None:
    """A PDF in the message box, two of its pages chosen."""
    pages = coloured((0.8, 0.3, 0.2), (0.2, 0.5, 0.7), (0.9, 0.8, 0.4), size=(210, 297))
    file = {"name": "report.pdf", "mimeType": "application/pdf", "buffer": pages}
    await tab.page.locator("#files").set_input_files(file)  # type: ignore[arg-type]
    await tab.expect_chips(3)


State = Callable[[ChatDriver, FakeGenerator], Awaitable[None]]
STATES: tuple[State, ...] = (start, answered, running, cut_off, settings, document)
