"""Pages of small print: labels and values, as invoices, tables and screens have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from PIL import Image, ImageDraw

from benchmarks.similar.twin import (
    DIGITS,
    LETTERS,
    Twin,
    is_ascii_letter,
    twin_of,
    with_one_changed,
)
from training.world.fonts import Face, latin_faces, load

PAGES = ((420, 560), (640, 480), (800, 600), (600, 840))
SIZES = (8, 9, 10, 11, 12, 13, 14, 16, 20)
INKS = ((0, 0, 0), (40, 40, 40), (20, 30, 90), (90, 90, 90), (150, 60, 60), (170, 170, 170))
PAPERS = ((255, 255, 255), (250, 248, 240), (225, 235, 250))
COLUMN = 160  # pixels
# Marks that take another's place, or appear: the smallest changes that change what is said.
MARKS = ((".", ","), (":", ";"), ("-", "+"), (".", " "), ("-", " "), ("'", " "), ("*", " "))
STATES = (((200, 30, 30), (20, 125, 20)), ((205, 110, 10), (40, 130, 160)))


@dataclass(frozen=True)
class Field:
    """A label and its value; pixels from the top left corner."""

    x: int
    y: int
    label: str
    value: str


@dataclass(frozen=True)
class Form:
    """A page of fields in one face, size and ink."""

    size: tuple[int, int]
    face: Face
    em: int
    ink: tuple[int, int, int]
    paper: tuple[int, int, int]
    fields: tuple[Field, ...]

    @property
    def image(self) -> Image.Image:
        image = Image.new("RGB", self.size, self.paper)
        draw, font = ImageDraw.Draw(image), load(self.face, self.em)
        for field in self.fields:
            draw.text((field.x, field.y), field.label, fill=self.ink, font=font)
            # Whole pixels, so that a value cannot move what it is not.
            x = field.x + round(font.getlength(field.label))
            draw.text((x, field.y), field.value, fill=self.ink, font=font)
        return image

    def with_value(self, index: int, value: str) -> Form:
        """Returns the form with another value in one of its fields."""
        fields = list(self.fields)
        fields[index] = replace(fields[index], value=value)
        return replace(self, fields=tuple(fields))


def draw_form(rng: Random) -> Form:
    width, height = rng.choice(PAGES)
    em = rng.choice(SIZES)
    pitch = round(em * rng.uniform(1.3, 1.9))
    places = [(x, y) for y in range(10, height - 2 * em, pitch) for x in columns(width)]
    return Form(
        size=(width, height),
        face=rng.choice(latin_faces()),
        em=em,
        ink=rng.choice(INKS),
        paper=rng.choice(PAPERS),
        fields=tuple(Field(x, y, f"{draw_word(rng)} ", draw_value(rng)) for x, y in places),
    )


def columns(width: int) -> range:
    return range(10, width - COLUMN + 20, COLUMN)


def draw_word(rng: Random) -> str:
    return "".join(rng.choices(LETTERS, k=rng.randint(3, 7)))


def draw_value(rng: Random) -> str:
    whole = "".join(rng.choices(DIGITS, k=rng.randint(1, 4)))
    return f"{whole}.{''.join(rng.choices(DIGITS, k=2))}" if rng.random() < 0.6 else whole


def draw_changed_digit(rng: Random) -> Twin:
    """One digit of one value."""
    form = draw_form(rng)
    index = rng.randrange(len(form.fields))
    value = with_one_changed(rng, form.fields[index].value, str.isdigit)
    return Twin(form.image, form.with_value(index, value).image)


def draw_changed_letter(rng: Random) -> Twin:
    """One letter of one name."""
    form = draw_form(rng)
    index = rng.randrange(len(form.fields))
    name = draw_word(rng).capitalize()
    other = with_one_changed(rng, name, is_ascii_letter)
    return Twin(form.with_value(index, name).image, form.with_value(index, other).image)


def draw_changed_mark(rng: Random) -> Twin:
    """A point that becomes a comma, a sign that is not there."""
    form = draw_form(rng)
    index = rng.randrange(len(form.fields))
    one, other = rng.choice(MARKS)
    amount = "".join(rng.choices(DIGITS, k=2))
    values = [f"{mark}{amount}" for mark in (one, other)]
    images = [form.with_value(index, value).image for value in values]
    return Twin(images[0], images[1])


def draw_other_record(rng: Random) -> Twin:
    """The same labels with other values throughout."""
    form = draw_form(rng)
    fields = tuple(replace(field, value=draw_value(rng)) for field in form.fields)
    return Twin(form.image, replace(form, fields=fields).image)


def draw_changed_clock(rng: Random) -> Twin:
    """A screen a minute later."""
    form = draw_form(rng)
    hour, minute = rng.randrange(10, 24), rng.randrange(59)
    times = [f"{hour}:{minute + later:02}" for later in (0, 1)]
    images = [form.with_value(0, time).image for time in times]
    return Twin(images[0], images[1])


def draw_blinking_caret(rng: Random) -> Twin:
    """A text cursor that is there, and is not."""
    form = draw_form(rng)
    field = rng.choice(form.fields)
    edges = (field.x + 100, field.y, field.x + 99 + rng.choice((1, 2)), field.y + form.em)
    return with_paint(form, lambda draw: draw.rectangle(edges, fill=form.ink))


def draw_changed_state(rng: Random) -> Twin:
    """A small light whose colour changes, hardly its brightness."""
    form = draw_form(rng)
    field = rng.choice(form.fields)
    one, other = rng.choice(STATES)
    x, y, size = field.x + 100, field.y, rng.randint(8, 14)

    def render(changed: bool) -> Image.Image:
        image = form.image
        fill = other if changed else one
        ImageDraw.Draw(image).ellipse((x, y, x + size, y + size), fill=fill)
        return image

    return twin_of(render)


def with_paint(form: Form, paint: Callable[[ImageDraw.ImageDraw], None]) -> Twin:
    """Returns a form as it is, and painted on."""
    painted = form.image
    paint(ImageDraw.Draw(painted))
    return Twin(form.image, painted)
