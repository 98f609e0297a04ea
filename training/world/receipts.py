"""Small receipts: a shop, some items with prices, and the total."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from training.world import palette
from training.world.alphabet import has_chinese
from training.world.backdrop import draw_backdrop
from training.world.canvas import draw_canvas_size, draw_corner, is_roomy
from training.world.fonts import Face, chinese_faces, latin_faces, monospaced_faces, require_chinese
from training.world.picture import Picture
from training.world.scene import SHORTEST_SIDE
from training.world.sheet import Sheet, moved, turned, width
from training.world.wear import wear
from training.world.wordlists import (
    CURRENCIES,
    ITEMS,
    SHOP_KINDS,
    SHOPS,
    TOTALS,
    Script,
)

MOST_ITEMS = 4
DEAREST = 2000  # hundredths
CHINESE_SHARE = 0.35
MOST_TURN = 3.0  # degrees
PADDING = 10  # pixels, of the paper
SPACE = 24  # pixels, at least, between an item and its price
SMALLEST_SIZE = 19  # pixels an em; a small x is then about 10 high
CHINESE_SIZE = 22


@dataclass(frozen=True)
class Item:
    """Something sold; its price in hundredths."""

    name: str
    price: int


@dataclass(frozen=True)
class Receipt:
    """What a receipt says; every amount is printed with `currency` before it."""

    shop: str
    items: tuple[Item, ...]
    total_label: str
    currency: str
    whole: bool  # amounts without decimals

    @property
    def total(self) -> int:
        return sum(item.price for item in self.items)

    def amount(self, hundredths: int) -> str:
        """As it is printed."""
        value = str(hundredths // 100) if self.whole else f"{hundredths / 100:.2f}"
        return self.currency + value

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        items = tuple((item.name, self.amount(item.price)) for item in self.items)
        return (*items, (self.total_label, self.amount(self.total)))

    @property
    def text(self) -> str:
        """Line by line; a name and its amount are separated by a space."""
        return "\n".join((self.shop, *(" ".join(row) for row in self.rows)))


def draw_receipt(rng: Random, difficulty: float = 1.0, script: Script | None = None) -> Receipt:
    if script is None:
        script = draw_script(rng)
    whole = rng.random() < 0.4
    names = rng.sample(ITEMS[script], rng.randint(1, 1 + round(difficulty * (MOST_ITEMS - 1))))
    step = 100 if whole else rng.choice((5, 10, 50))
    items = tuple(Item(name, step * rng.randint(1, DEAREST // step)) for name in names)
    shop = rng.choice(SHOPS[script]) + ("" if script == "chinese" else " ")
    return Receipt(
        shop=shop + rng.choice(SHOP_KINDS[script]),
        items=items,
        total_label=rng.choice(TOTALS[script]),
        currency=rng.choice(CURRENCIES[script]),
        whole=whole,
    )


def draw_script(rng: Random) -> Script:
    chinese = bool(chinese_faces()) and rng.random() < CHINESE_SHARE
    return "chinese" if chinese else "latin"


def draw_receipt_picture(
    rng: Random, receipt: Receipt, difficulty: float = 1.0, breadth: float = 1.0
) -> Picture:
    chinese = has_chinese(receipt.shop)
    face = draw_receipt_face(rng, chinese)
    size = (CHINESE_SIZE if chinese else SMALLEST_SIZE) + round(8 * (1 - difficulty * rng.random()))
    paper = print_receipt(rng, receipt, face, size)
    degrees = rng.uniform(-1, 1) * MOST_TURN * difficulty if rng.random() < 0.4 else 0.0
    picture = lay_down(rng, paper, degrees, difficulty, breadth)
    return (
        Picture(wear(rng, picture.image), glyphs=picture.glyphs) if difficulty > 0.25 else picture
    )


def draw_receipt_face(rng: Random, chinese: bool) -> Face:
    if chinese:
        require_chinese()
        return rng.choice(chinese_faces())
    return rng.choice(monospaced_faces() if rng.random() < 0.5 else latin_faces()[:12])


def print_receipt(rng: Random, receipt: Receipt, face: Face, size: int) -> Sheet:
    """The paper alone."""
    rows = receipt.rows
    widest = max(
        width(name, face, size) + SPACE + width(amount, face, size) for name, amount in rows
    )
    head = round(size * rng.uniform(1, 1.25))
    across = round(max(widest, width(receipt.shop, face, head))) + 2 * PADDING
    across = max(across, round(SHORTEST_SIDE * rng.uniform(1, 1.6)))
    pitch = round(size * rng.uniform(1.35, 1.7))
    down = round(1.9 * head + (len(rows) + 0.9) * pitch) + 2 * PADDING
    paper = palette.rgb(rng.uniform(30, 60), rng.uniform(0, 0.1), rng.uniform(0.93, 1))
    ink = palette.dark_ground(rng) if rng.random() < 0.3 else (rng.randrange(50),) * 3
    sheet = Sheet(Image.new("RGB", (across, max(down, SHORTEST_SIDE)), paper))
    baseline = PADDING + head
    sheet.write(across / 2, baseline, receipt.shop, face, head, ink, "m")
    baseline += round(0.55 * head)
    rule(rng, sheet.draw, across, baseline, ink)
    for index, (name, amount) in enumerate(rows):
        if index == len(receipt.items):
            baseline += round(0.45 * pitch)
            rule(rng, sheet.draw, across, baseline, ink)
        baseline += pitch
        sheet.write(PADDING, baseline, name, face, size, ink)
        sheet.write(across - PADDING, baseline, amount, face, size, ink, "r")
    return sheet


def rule(
    rng: Random, draw: ImageDraw.ImageDraw, across: int, y: float, ink: tuple[int, int, int]
) -> None:
    """A line from side to side, whole or of dashes."""
    step = rng.choice((across, 6, 10))
    for x in range(PADDING, across - PADDING, step):
        end = min(x + max(2, round(0.6 * step)), across - PADDING)
        draw.line((x, y, across - PADDING if step == across else end, y), fill=ink)


def lay_down(
    rng: Random, paper: Sheet, degrees: float, difficulty: float, breadth: float
) -> Picture:
    """The paper alone, or on something, a little turned and with a shadow."""
    roomy = is_roomy(rng, breadth)
    if not roomy and not degrees and rng.random() < 0.5:
        return Picture(paper.image, glyphs=tuple(paper.glyphs))
    across, down = paper.image.size
    edge = round(0.06 * max(across, down)) + 8
    size = across + 2 * edge, down + 2 * edge
    if roomy:
        size = draw_canvas_size(rng, size, breadth)
    image = draw_backdrop(rng, size, difficulty)
    left, top = draw_corner(rng, size, (across, down), edge)
    center = left + across / 2, top + down / 2
    mask = Image.new("L", size)
    mask.paste(255, (left, top, left + across, top + down))
    sheet = Image.new("RGB", size)
    sheet.paste(paper.image, (left, top))
    glyphs = [moved(glyph, left, top) for glyph in paper.glyphs]
    if degrees:
        mask = mask.rotate(degrees, Image.Resampling.BICUBIC, center=center)
        sheet = sheet.rotate(degrees, Image.Resampling.BICUBIC, center=center)
        glyphs = [turned(glyph, degrees, center) for glyph in glyphs]
    shadow = mask.filter(ImageFilter.BoxBlur(4)).point(lambda value: value // 3)
    image.paste((0, 0, 0), (3, 4), shadow)
    image.paste(sheet, mask=mask)
    return Picture(image, glyphs=tuple(glyphs))
