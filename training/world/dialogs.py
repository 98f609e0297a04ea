"""Screenshots of a dialog window: a title, a message and buttons."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.world import palette
from training.world.alphabet import DIGITS, draw_latin_word, has_chinese
from training.world.backdrop import draw_backdrop
from training.world.canvas import Size, draw_canvas_size, draw_corner, is_roomy
from training.world.fonts import Face, chinese_faces, latin_faces, require_chinese
from training.world.palette import Rgb
from training.world.picture import Picture
from training.world.receipts import draw_script
from training.world.sheet import Sheet, width
from training.world.wear import wear
from training.world.wordlists import BUTTONS, DIALOG_TITLES, FILE_ENDINGS, MESSAGES, Script

MOST_BUTTONS = 3
SMALLEST_SIZE = 19  # pixels an em
CHINESE_SIZE = 22
WIDEST_TEXT = 260  # pixels


@dataclass(frozen=True)
class Dialog:
    """What a dialog window says; buttons from left to right."""

    title: str
    message: str
    buttons: tuple[str, ...]

    @property
    def text(self) -> str:
        """Title, message and buttons, a line each; a message broken in the picture is one line."""
        return "\n".join((self.title, self.message, " ".join(self.buttons)))


def draw_dialog(rng: Random, script: Script | None = None) -> Dialog:
    if script is None:
        script = draw_script(rng)
    pattern = rng.choice(MESSAGES[script])
    message = pattern.format(
        name=draw_latin_word(rng, 3, 7),
        file=f"{draw_latin_word(rng, 3, 6).lower()}.{rng.choice(FILE_ENDINGS)}",
        number="".join(rng.choices(DIGITS[1:], k=rng.randint(1, 3))),
    )
    buttons = rng.sample(BUTTONS[script], rng.randint(1, MOST_BUTTONS))
    return Dialog(rng.choice(DIALOG_TITLES[script]), message, tuple(buttons))


@dataclass(frozen=True)
class Look:
    """How a window system draws its dialogs. Lengths in pixels."""

    face: Face
    size: int
    corner: int
    body: Rgb
    bar: Rgb
    button: Rgb
    accent: Rgb
    centered: bool

    @property
    def pad(self) -> int:
        return round(0.7 * self.size)


def draw_look(rng: Random, chinese: bool, difficulty: float) -> Look:
    faces = chinese_faces() if chinese else latin_faces()[:16]
    dark = rng.random() < 0.25
    gray = rng.randrange(30, 60) if dark else rng.randrange(225, 256)
    body = (gray, gray, gray)
    bar = rng.choice((body, palette.blend(body, (128, 128, 128), 0.15), vivid(rng)))
    button = palette.blend(body, (255, 255, 255) if dark else (0, 0, 0), rng.uniform(0.05, 0.14))
    smallest = CHINESE_SIZE if chinese else SMALLEST_SIZE
    return Look(
        face=rng.choice(faces),
        size=smallest + round(7 * (1 - difficulty * rng.random())),
        corner=rng.choice((0, 0, 4, 8)),
        body=body,
        bar=bar,
        button=button,
        accent=vivid(rng),
        centered=rng.random() < 0.4,
    )


def vivid(rng: Random) -> Rgb:
    """Dark enough for white text."""
    return palette.rgb(rng.uniform(190, 260), rng.uniform(0.6, 0.95), rng.uniform(0.35, 0.65))


def text_color(ground: Rgb) -> Rgb:
    return (20, 20, 20) if sum(ground) > 3 * 128 else (245, 245, 245)


def draw_dialog_picture(
    rng: Random, dialog: Dialog, difficulty: float = 1.0, breadth: float = 1.0
) -> Picture:
    chinese = has_chinese(dialog.text)
    if chinese:
        require_chinese()
    look = draw_look(rng, chinese, difficulty)
    rows = wrapped(dialog.message, look)
    window = window_size(dialog, rows, look)
    edge = rng.choice((0, rng.randint(6, 30)))
    size = window[0] + 2 * edge, window[1] + 2 * edge
    if is_roomy(rng, breadth):
        size = draw_canvas_size(rng, size, breadth)
    image = draw_backdrop(rng, size, difficulty)
    sheet = Sheet(image)
    corner = draw_corner(rng, size, window, edge)
    paint_window(sheet, dialog, rows, look, corner, window)
    done = wear(rng, image) if difficulty > 0.25 else image
    return Picture(done, glyphs=tuple(sheet.glyphs))


def wrapped(message: str, look: Look) -> list[str]:
    """Lines no wider than WIDEST_TEXT: broken at spaces, or after any Chinese character."""
    gap = " " if " " in message else ""
    rows = [""]
    for piece in message.split() if gap else message:
        longer = f"{rows[-1]}{gap if rows[-1] else ''}{piece}"
        if (
            rows[-1]
            and width(longer, look.face, look.size) > WIDEST_TEXT
            and piece not in "，。！？"
        ):
            rows.append(piece)
        else:
            rows[-1] = longer
    return rows


def button_width(text: str, look: Look) -> int:
    return max(64, round(width(text, look.face, look.size)) + 2 * look.pad)


def window_size(dialog: Dialog, rows: list[str], look: Look) -> tuple[int, int]:
    buttons = sum(button_width(text, look) + look.pad for text in dialog.buttons)
    title = width(dialog.title, look.face, look.size) + 2.5 * look.size
    text = max(width(row, look.face, look.size) for row in rows)
    across = round(max(buttons, title, text)) + 2 * look.pad
    return max(across, 180), round((2 + 1.45 * len(rows) + 1.9) * look.size) + 3 * look.pad


def paint_window(
    sheet: Sheet, dialog: Dialog, rows: list[str], look: Look, corner: Size, window: Size
) -> None:
    left, top, right, bottom = *corner, corner[0] + window[0] - 1, corner[1] + window[1] - 1
    sheet.draw.rounded_rectangle(
        (left, top, right, bottom), look.corner, fill=look.body, outline=(120, 120, 120)
    )
    below = top + round(1.8 * look.size)
    sheet.draw.rounded_rectangle((left + 1, top + 1, right - 1, below), look.corner, fill=look.bar)
    ink = text_color(look.bar)
    paint_title(sheet, dialog.title, look, (left, top, right), ink)
    x = (left + right) / 2 if look.centered else left + look.pad
    baseline = below + look.pad + 0.2 * look.size
    for row in rows:
        baseline += look.size
        anchor = "m" if look.centered else "l"
        sheet.write(x, baseline, row, look.face, look.size, text_color(look.body), anchor)
        baseline += 0.45 * look.size
    paint_buttons(sheet, dialog.buttons, look, right - look.pad, bottom - look.pad)


def paint_title(
    sheet: Sheet, title: str, look: Look, place: tuple[int, int, int], ink: Rgb
) -> None:
    """The title, and the cross that closes the window."""
    left, top, right = place
    baseline = top + round(1.25 * look.size)
    sheet.write(left + look.pad, baseline, title, look.face, look.size, ink)
    reach = 0.24 * look.size
    x, y = right - look.pad - reach, top + 0.9 * look.size
    sheet.draw.line((x - reach, y - reach, x + reach, y + reach), fill=ink, width=2)
    sheet.draw.line((x - reach, y + reach, x + reach, y - reach), fill=ink, width=2)


def paint_buttons(
    sheet: Sheet, buttons: tuple[str, ...], look: Look, right: float, bottom: float
) -> None:
    """From the right end of the row; the first button is the accented one."""
    height = round(1.6 * look.size)
    x = right - sum(button_width(text, look) + look.pad for text in buttons) + look.pad
    for index, text in enumerate(buttons):
        across = button_width(text, look)
        fill = look.accent if index == 0 else look.button
        box = (x, bottom - height, x + across, bottom)
        sheet.draw.rounded_rectangle(box, look.corner, fill=fill, outline=(140, 140, 140))
        baseline = bottom - 0.5 * height + 0.36 * look.size
        sheet.write(x + across / 2, baseline, text, look.face, look.size, text_color(fill), "m")
        x += across + look.pad
