"""What a scene looks like, whoever draws it: colours, fills, shadows and the ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.world import palette
from training.world.overlap import overlapping_pairs
from training.world.palette import Rgb
from training.world.scene import Scene
from training.world.shape import Shape

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
TRIES = 20  # grounds for one choice of colours


@dataclass(frozen=True)
class Fill:
    """From one colour to another of the same name, along a direction or from the middle.

    degrees: where the gradient points to; 0 is right, 90 is down.
    """

    start: Rgb
    end: Rgb
    degrees: float = 0.0
    radial: bool = False

    @property
    def even(self) -> bool:
        return self.start == self.end

    @property
    def colors(self) -> tuple[Rgb, Rgb, Rgb]:
        return self.start, palette.blend(self.start, self.end, 0.5), self.end


@dataclass(frozen=True)
class Shadow:
    """Offset and softness in pixels, opacity from 0 to 1."""

    across: float
    down: float
    blur: float
    opacity: float


@dataclass(frozen=True)
class Paint:
    """How one shape is painted; a hollow one has its colour in the border."""

    fill: Fill
    border: Rgb
    shadow: Shadow | None = None


@dataclass(frozen=True)
class Ground:
    """A texture between two colours; see `ground.TEXTURES`."""

    fill: Fill
    texture: str
    seed: int


@dataclass(frozen=True)
class Appearance:
    """One paint for each shape of the scene, in its order."""

    ground: Ground
    paints: tuple[Paint, ...]


TEXTURES = {
    **{"even": 0.4, "ramp": 0.12, "glow": 0.08, "spots": 0.1},
    **{"clouds": 0.15, "stripes": 0.07, "grain": 0.08},
}
GROUNDS: tuple[tuple[Callable[[Random], Rgb], float], ...] = (
    (palette.light_ground, 0.4),
    (palette.tinted_ground, 0.25),
    (palette.middle_ground, 0.15),
    (palette.dark_ground, 0.2),
)


def draw_appearance(rng: Random, scene: Scene, plain: bool) -> Appearance:
    """Every shape stands out from the ground, and from the shapes that it overlaps."""
    fills, ground = draw_colors(rng, scene, plain)
    paints = [
        Paint(fill, draw_border(rng, shape, fill, ground.fill), draw_shadow(rng, shape, plain))
        for shape, fill in zip(scene.shapes, fills, strict=True)
    ]
    return Appearance(ground, tuple(paints))


def draw_colors(rng: Random, scene: Scene, plain: bool) -> tuple[list[Fill], Ground]:
    """Few grounds suit a white and a black shape at once, so some colours are drawn again."""
    pairs = overlapping_pairs(scene.shapes)
    while True:
        fills = [draw_fill(rng, shape, plain) for shape in scene.shapes]
        apart = (least_contrast(fills[i], fills[j]) for i, j in pairs)
        if min(apart, default=palette.LEAST_EDGE) < palette.LEAST_EDGE:
            continue
        colors = {color for fill in fills for color in fill.colors}
        for attempt in range(TRIES):
            ground = draw_ground(rng, plain and attempt < TRIES // 2)
            if palette.stands_out(ground.fill.colors, colors, palette.LEAST_CONTRAST):
                return fills, ground


def draw_fill(rng: Random, shape: Shape, plain: bool) -> Fill:
    color = palette.draw_color(rng, shape.color)
    if plain or shape.hollow or rng.random() < 0.6:
        return Fill(color, color)
    end = palette.draw_color(rng, shape.color)
    return Fill(color, end, rng.uniform(0, 360), rng.random() < 0.3)


def draw_ground(rng: Random, plain: bool) -> Ground:
    seed = rng.getrandbits(32)
    if plain:
        color = palette.light_ground(rng)
        return Ground(Fill(color, color), "even", seed)
    makers, weights = zip(*GROUNDS, strict=True)
    (maker,) = rng.choices(makers, weights)
    (texture,) = rng.choices(list(TEXTURES), list(TEXTURES.values()))
    color = maker(rng)
    other = palette.blend(color, palette.middle_ground(rng), rng.uniform(0.08, 0.4))
    fill = Fill(color, color if texture == "even" else other, rng.uniform(0, 360))
    return Ground(fill, texture, seed)


def least_contrast(one: Fill, other: Fill) -> int:
    """Between any two of their colours."""
    return palette.least_contrast(one.colors, other.colors)


def draw_border(rng: Random, shape: Shape, fill: Fill, ground: Fill) -> Rgb:
    """The colour of a hollow shape; otherwise one that is seen on this ground."""
    if shape.hollow:
        return fill.start
    shade = palette.blend(fill.start, BLACK, rng.uniform(0.2, 0.4))
    choices = [shade, shade, fill.start, BLACK, WHITE]
    return rng.choice(
        [
            color
            for color in choices
            if palette.least_contrast([color], ground.colors) >= palette.LEAST_EDGE
        ]
    )


def draw_shadow(rng: Random, shape: Shape, plain: bool) -> Shadow | None:
    if plain or rng.random() < 0.8:
        return None
    across, down = (rng.uniform(-0.1, 0.16) * shape.radius for _ in range(2))
    blur = rng.uniform(0.02, 0.08) * shape.radius
    return Shadow(across, down, blur, rng.uniform(0.2, 0.45))
