"""Draws a scene with PIL, in many styles."""

from __future__ import annotations

import io
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.world import palette
from training.world.outlines import Point, draw_outline
from training.world.palette import Rgb
from training.world.scene import Limits, Scene, Shape

OVERSAMPLING = 3


@dataclass(frozen=True)
class Picture:
    """A drawn scene, and each shape's outline in its pixels."""

    image: Image.Image
    outlines: tuple[list[Point], ...]


def draw_picture(rng: Random, scene: Scene, limits: Limits) -> Picture:
    outlines = tuple(scaled(draw_outline(rng, shape.kind), shape) for shape in scene.shapes)
    colors = [palette.draw_color(rng, shape.color) for shape in scene.shapes]
    ground = draw_ground(rng, colors, limits.plain)
    canvas = paint_ground(rng, (scene.width, scene.height), ground, limits.plain)
    canvas = canvas.resize((scene.width * OVERSAMPLING, scene.height * OVERSAMPLING))
    for shape, outline, color in zip(scene.shapes, outlines, colors, strict=True):
        style = "flat" if limits.plain else draw_style(rng, shape)
        paint_shape(rng, canvas, outline, shape.radius, color, style)
    image = canvas.resize((scene.width, scene.height), Image.Resampling.BOX)
    return Picture(image if limits.plain else wear(rng, image), outlines)


def scaled(outline: list[Point], shape: Shape) -> list[Point]:
    return [(shape.x + shape.radius * x, shape.y + shape.radius * y) for x, y in outline]


def draw_ground(rng: Random, colors: list[Rgb], plain: bool) -> Rgb:
    """A ground that every colour stands out from."""
    makers = [palette.light_ground] * 5 + [palette.tinted_ground] * 3 + [palette.dark_ground] * 2
    while True:
        maker = palette.light_ground if plain else rng.choice(makers)
        ground = maker(rng)
        if all(palette.contrast(color, ground) >= palette.LEAST_CONTRAST for color in colors):
            return ground


def paint_ground(rng: Random, size: tuple[int, int], ground: Rgb, plain: bool) -> Image.Image:
    image = Image.new("RGB", size, ground)
    style = rng.random()
    if plain or style < 0.6:
        return image
    other = palette.blend(ground, (128, 128, 128), rng.uniform(0.05, 0.25))
    if style < 0.8:
        return Image.composite(Image.new("RGB", size, other), image, ramp(rng, size))
    return Image.composite(Image.new("RGB", size, other), image, grain(rng, size))


def ramp(rng: Random, size: tuple[int, int]) -> Image.Image:
    """A mask that grows from one side to the other."""
    mask = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270)))
    return mask.resize(size)


def grain(rng: Random, size: tuple[int, int]) -> Image.Image:
    """A mask of soft random spots."""
    noise = np.random.default_rng(rng.getrandbits(32))
    across = rng.randint(4, 24)
    spots = noise.integers(0, 256, (across, across), dtype=np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)


def draw_style(rng: Random, shape: Shape) -> str:
    styles = ["flat"] * 5 + ["gradient"] * 3 + ["bordered"] * 2
    if shape.radius >= 20:
        styles += ["outline"]
    return rng.choice(styles)


def paint_shape(
    rng: Random, canvas: Image.Image, outline: list[Point], radius: float, color: Rgb, style: str
) -> None:
    """Paints one shape; `outline` and `radius` are in pixels of the final picture."""
    points = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in outline]
    draw = ImageDraw.Draw(canvas)
    dark = palette.blend(color, (0, 0, 0), rng.uniform(0.25, 0.4))
    if style == "flat":
        draw.polygon(points, fill=color)
    elif style == "bordered":
        draw.polygon(points, fill=color)
        stroke(draw, points, dark, max(1.0, 0.08 * radius))
    elif style == "outline":
        stroke(draw, points, color, max(4.0, 0.22 * radius))
    else:
        paint_gradient(rng, canvas, points, color)


def stroke(draw: ImageDraw.ImageDraw, points: list[Point], color: Rgb, width: float) -> None:
    line = round(width * OVERSAMPLING)
    draw.line([*points, *points[:2]], fill=color, width=line, joint="curve")


def paint_gradient(rng: Random, canvas: Image.Image, points: list[Point], color: Rgb) -> None:
    """Fills with the colour, which gets lighter or darker to one side."""
    end = palette.blend(color, rng.choice(((0, 0, 0), (255, 255, 255))), rng.uniform(0.1, 0.25))
    box = bounds(points)
    size = (box[2] - box[0], box[3] - box[1])
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon([(x - box[0], y - box[1]) for x, y in points], fill=255)
    fill = Image.new("RGB", size, color)
    fill.paste(end, mask=ramp(rng, size))
    canvas.paste(fill, box[:2], mask)


def bounds(points: list[Point]) -> tuple[int, int, int, int]:
    xs, ys = zip(*points, strict=True)
    return int(min(xs)), int(min(ys)), int(max(xs)) + 1, int(max(ys)) + 1


def wear(rng: Random, image: Image.Image) -> Image.Image:
    """What happens to pictures on their way: blur, noise, JPEG."""
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.2:
        noise = Image.effect_noise(image.size, rng.uniform(4, 14))
        image = ImageChops.add(image, Image.merge("RGB", [noise] * 3), 1, -128)
    if rng.random() < 0.3:
        image = jpeg(image, rng.randint(55, 95))
    return image


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
