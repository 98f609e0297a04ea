"""Paints with Pillow: oversampled masks, so that edges are the mean of many small squares."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw, ImageFilter

from training.world.appearance import Appearance, Fill, Paint, Shadow
from training.world.outlines import Contour, Point
from training.world.scene import Scene
from training.world.shape import Shape

OVERSAMPLING = 4
BLUR_REACH = 3  # deviations
SHADOW_COLOR = (20, 20, 20)


class Cutout:
    """The part of a picture around a shape, and masks in it."""

    def __init__(self, shape: Shape) -> None:
        left, top, right, bottom = shape.box
        self.corner = math.floor(left) - 1, math.floor(top) - 1
        self.size = math.ceil(right) + 1 - self.corner[0], math.ceil(bottom) + 1 - self.corner[1]
        self.shape = shape

    def scaled(self, contour: Contour) -> list[Point]:
        """Pillow means pixels' middles where it says (0, 0), we mean their corners."""
        left, top = self.corner
        return [
            ((x - left) * OVERSAMPLING - 0.5, (y - top) * OVERSAMPLING - 0.5) for x, y in contour
        ]

    def draw(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        mask = Image.new("L", (self.size[0] * OVERSAMPLING, self.size[1] * OVERSAMPLING))
        return mask, ImageDraw.Draw(mask)

    def filled(self) -> Image.Image:
        mask, draw = self.draw()
        for index, contour in enumerate(self.shape.contours):
            draw.polygon(self.scaled(contour), fill=0 if index else 255)
        return mask.reduce(OVERSAMPLING)

    def stroked(self) -> Image.Image:
        mask, draw = self.draw()
        width = self.shape.border * OVERSAMPLING
        for contour in self.shape.contours:
            points = self.scaled(contour)
            draw.line([*points, points[0]], fill=255, width=round(width))
            for x, y in points:
                draw.circle((x, y), width / 2, fill=255)
        return mask.reduce(OVERSAMPLING)


def paint(scene: Scene, appearance: Appearance, ground: Image.Image) -> Image.Image:
    canvas = ground.copy()
    for shape, paint in zip(scene.shapes, appearance.paints, strict=True):
        paint_shape(canvas, shape, paint)
    return canvas


def paint_shape(canvas: Image.Image, shape: Shape, paint: Paint) -> None:
    cutout = Cutout(shape)
    body = cutout.stroked() if shape.hollow else cutout.filled()
    if paint.shadow is not None:
        cast(canvas, cutout, body, paint.shadow)
    if not shape.hollow:
        canvas.paste(colors(paint.fill, cutout.size), cutout.corner, body)
    if shape.border:
        canvas.paste(paint.border, box(cutout), cutout.stroked())


def box(cutout: Cutout) -> tuple[int, int, int, int]:
    (left, top), (width, height) = cutout.corner, cutout.size
    return left, top, left + width, top + height


def cast(canvas: Image.Image, cutout: Cutout, body: Image.Image, shadow: Shadow) -> None:
    """The body's shadow, which is larger than the body by its blur."""
    reach = math.ceil(BLUR_REACH * shadow.blur)
    size = cutout.size[0] + 2 * reach, cutout.size[1] + 2 * reach
    mask = Image.new("L", size)
    mask.paste(body.point(lambda value: value * shadow.opacity), (reach, reach))
    mask = mask.filter(ImageFilter.GaussianBlur(shadow.blur))
    left = cutout.corner[0] - reach + round(shadow.across)
    top = cutout.corner[1] - reach + round(shadow.down)
    canvas.paste(SHADOW_COLOR, (left, top, left + size[0], top + size[1]), mask)


def colors(fill: Fill, size: tuple[int, int]) -> Image.Image:
    """Gradients go along a side or from the middle, which is what Pillow has."""
    image = Image.new("RGB", size, fill.start)
    if not fill.even:
        image.paste(fill.end, mask=slope(fill).resize(size))
    return image


def slope(fill: Fill) -> Image.Image:
    if fill.radial:
        return Image.radial_gradient("L")
    return Image.linear_gradient("L").rotate(90 * round(fill.degrees / 90))
