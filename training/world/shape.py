"""One shape of a scene, with its exact outline."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.world.outlines import Box, Contour, Point, draw_contours, extent

# The order is that of the auxiliary heads' weights: add behind, never between.
KINDS = (
    *("circle", "square", "triangle", "star", "heart", "cross"),
    *("rectangle", "ring", "diamond", "arrow"),
)
COLORS = (
    *("red", "green", "blue", "yellow", "purple", "orange", "black"),
    *("pink", "brown", "gray", "white"),
)
# In reading order; a place's index is its cell.
PLACES = (
    *("top left", "top", "top right"),
    *("left", "center", "right"),
    *("bottom left", "bottom", "bottom right"),
)

SMALLEST_SHAPE = 24.0  # pixels along the longer side of its box
BORDER = (0.06, 0.11)  # of the radius
LEAST_BORDER = 1.5  # pixels
# A shape of strokes alone needs room for what tells its kind. Round ones would pass for rings.
HOLLOW_KINDS = ("square", "triangle", "star", "heart", "cross", "rectangle", "diamond", "arrow")
HOLLOW_RADIUS = 26.0  # pixels
HOLLOW_BORDER = (0.1, 0.16)
LEAST_HOLLOW_BORDER = 4.0  # pixels: enough to see its colour


@dataclass(frozen=True)
class Shape:
    """One shape; everything in pixels of its picture.

    x, y, radius: of the circle around all that is drawn of it.
    contours: closed polygons, the middle of the border; the second one is a ring's hole.
    border: the width of the stroke along the contours, with round joins; 0 is none.
    hollow: the border is all that is drawn, and has the colour of the shape.
    """

    kind: str
    color: str
    cell: int
    x: float
    y: float
    radius: float
    contours: tuple[Contour, ...]
    border: float = 0.0
    hollow: bool = False

    @property
    def place(self) -> str:
        return PLACES[self.cell]

    @property
    def name(self) -> str:
        return f"{self.color} {self.kind}"

    @property
    def box(self) -> Box:
        """Left, top, right, bottom: edges, not indices, of all that is drawn, border included.

        Neither its shadow nor what lies on top of the shape changes it.
        """
        left, top, right, bottom = extent(self.contours[0])
        half = self.border / 2
        return left - half, top - half, right + half, bottom + half

    @property
    def outline(self) -> list[Point]:
        """One polygon, which a seam without width joins to the hole."""
        return [point for ring in self.contours for point in (*ring, ring[0])]


@dataclass(frozen=True)
class Form:
    """How a shape is cut, in units of its radius; `hollow` as in `Shape`."""

    contours: tuple[Contour, ...]
    border: float
    hollow: bool

    def least_radius(self) -> float:
        """Pixels, such that the box's longer side has SMALLEST_SHAPE."""
        left, top, right, bottom = extent(self.contours[0])
        least = SMALLEST_SHAPE / max(right - left, bottom - top)
        return max(least, HOLLOW_RADIUS) if self.hollow else least


PLAIN_STYLES = ("filled",)
STYLES = ("filled",) * 6 + ("bordered",) * 3 + ("hollow",)


def draw_form(rng: Random, kind: str, styles: tuple[str, ...]) -> Form:
    style = rng.choice(styles)
    contours = draw_contours(rng, kind)
    if style == "hollow" and kind in HOLLOW_KINDS:
        return Form(contours, rng.uniform(*HOLLOW_BORDER), True)
    border = rng.uniform(*BORDER) if style == "bordered" else 0.0
    return Form(contours, border, False)


def cut_shape(form: Form, kind: str, color: str, cell: int, center: Point, radius: float) -> Shape:
    """The shape that fills the circle of `radius` pixels around `center`."""
    x, y = center
    least = LEAST_HOLLOW_BORDER if form.hollow else LEAST_BORDER
    border = max(least, form.border * radius) if form.border else 0.0
    scale = radius - border / 2
    contours = tuple(
        tuple((x + scale * across, y + scale * down) for across, down in contour)
        for contour in form.contours
    )
    return Shape(kind, color, cell, x, y, radius, contours, border, form.hollow)
