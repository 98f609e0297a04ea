"""Pages as pictures, and files that are no use or mean harm."""

from __future__ import annotations

import asyncio
import io
import os
import time
from pathlib import Path

import pytest
from PIL import Image
from sightline_web.pdf.errors import PdfError, PdfFault
from sightline_web.pdf.rasterizer import PdfLimits, Rasterizer

from tests.web.pdf import files

RED, GREEN, BLUE = (1, 0, 0), (0, 1, 0), (0, 0, 1)
QUICK = PdfLimits(timeout_s=4, memory_bytes=512 * 2**20)


def middle(picture: bytes) -> list[int]:
    """Returns the colour in the middle, each part 0 or 1."""
    image = Image.open(io.BytesIO(picture))
    pixel = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    return [round(part / 255) for part in pixel]


async def test_chosen_pages_are_drawn_in_order_at_their_size() -> None:
    drawn = await Rasterizer().draw(files.coloured(RED, GREEN, BLUE), [3, 1], 9)
    assert drawn.page_count == 3
    assert {number: middle(each) for number, each in drawn.pictures.items()} == {
        3: [0, 0, 1],
        1: [1, 0, 0],
    }
    assert list(drawn.pictures) == [3, 1]
    size = Image.open(io.BytesIO(drawn.pictures[1])).size
    assert size == (417, 209)  # 200 × 100 points at 150 dots per inch


async def test_without_a_choice_the_first_pages_are_drawn() -> None:
    drawn = await Rasterizer().draw(files.coloured(RED, GREEN, BLUE), [], 2)
    assert list(drawn.pictures) == [1, 2]


async def test_huge_page_has_no_more_pixels_than_allowed() -> None:
    drawn = await Rasterizer().draw(files.coloured(RED, size=(14_000, 7_000)), [], 1)
    assert Image.open(io.BytesIO(drawn.pictures[1])).size == (1600, 800)


@pytest.mark.parametrize(
    ("data", "pages", "fault"),
    [
        (b"%PDF-1.4\nnothing", [], PdfFault.UNREADABLE),
        (files.coloured(RED)[:200], [], PdfFault.UNREADABLE),
        (files.pdf([]), [], PdfFault.UNREADABLE),
        (files.locked(), [], PdfFault.ENCRYPTED),
        (files.coloured(RED), [2], PdfFault.PAGE_MISSING),
        (files.coloured(RED, size=(10_000, 1)), [], PdfFault.PAGE_TOO_THIN),
    ],
    ids=["no pdf", "cut off", "no pages", "password", "no such page", "thin"],
)
async def test_useless_file_has_a_fault(data: bytes, pages: list[int], fault: PdfFault) -> None:
    with pytest.raises(PdfError) as caught:
        await Rasterizer(QUICK).draw(data, pages, 1)
    assert caught.value.fault is fault
    if fault is PdfFault.PAGE_MISSING:
        assert caught.value.page_count == 1


async def test_endless_page_is_given_up_in_time() -> None:
    limits = PdfLimits(timeout_s=1)
    started = time.monotonic()
    with pytest.raises(PdfError) as caught:
        await Rasterizer(limits).draw(files.endless(), [], 1)
    assert caught.value.fault is PdfFault.TOO_EXPENSIVE
    assert time.monotonic() - started < 8


async def test_memory_is_bounded() -> None:
    limits = PdfLimits(memory_bytes=64 * 2**20, max_side=6_000, dots_per_inch=20_000)
    with pytest.raises(PdfError) as caught:
        await Rasterizer(limits).draw(files.coloured(RED, size=(200, 200)), [], 1)
    assert caught.value.fault in (PdfFault.TOO_EXPENSIVE, PdfFault.UNREADABLE)


async def test_page_that_includes_itself_ends() -> None:
    drawn = await Rasterizer(QUICK).draw(files.self_including(), [], 1)
    assert list(drawn.pictures) == [1]


async def test_worker_is_gone_when_its_asker_leaves() -> None:
    task = asyncio.create_task(Rasterizer().draw(files.endless(), [], 1))
    await asyncio.wait_for(_until_started(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert _workers() == []


async def test_queue_is_bounded() -> None:
    rasterizer = Rasterizer(PdfLimits(num_workers=1, num_waiting=2))
    running = [asyncio.create_task(rasterizer.draw(files.endless(), [], 1)) for _ in range(3)]
    await asyncio.wait_for(_until_started(), 20)
    with pytest.raises(PdfError) as caught:
        await rasterizer.draw(files.coloured(RED), [], 1)
    assert caught.value.fault is PdfFault.BUSY
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    drawn = await rasterizer.draw(files.coloured(RED), [], 1)
    assert list(drawn.pictures) == [1]


async def _until_started() -> None:
    while not _workers():
        await asyncio.sleep(0.05)


def _workers() -> list[Path]:
    """Returns the worker processes of this one."""
    return [
        line
        for line in Path("/proc").glob("[0-9]*/cmdline")
        if b"sightline_web.pdf.worker" in _read(line) and _parent(line) == os.getpid()
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _parent(path: Path) -> int:
    return int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
