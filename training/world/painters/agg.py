"""Paints with Anti-Grain Geometry, the library behind matplotlib's pictures, without a figure."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, IdentityTransform, TransformedPath
from PIL import Image

from training.world.appearance import Appearance, Fill, Paint, Shadow
from training.world.ground import plane
from training.world.palette import Rgb
from training.world.scene import Scene
from training.world.shape import Shape

DPI = 72  # one point is one pixel
STAY = IdentityTransform()
Color = tuple[float, float, float, float]


def paint(scene: Scene, appearance: Appearance, ground: Image.Image) -> Image.Image:
    renderer = RendererAgg(scene.width, scene.height, DPI)
    # Agg knows the last clip by its address, so every path lives until the end.
    paths = [TransformedPath(path_of(shape, scene.height), STAY) for shape in scene.shapes]
    for shape, paint, path in zip(scene.shapes, appearance.paints, paths, strict=True):
        paint_shape(renderer, shape, paint, path)
    # Agg's colours are not multiplied by their opacity, Pillow's neither.
    drawn = Image.fromarray(np.asarray(renderer.buffer_rgba()))
    canvas = ground.copy()
    canvas.paste(drawn, mask=drawn)
    return canvas


def paint_shape(renderer: RendererAgg, shape: Shape, paint: Paint, clip: TransformedPath) -> None:
    path, _ = clip.get_transformed_path_and_affine()
    if paint.shadow is not None:
        cast(renderer, shape, path, paint.shadow)
    if not shape.hollow:
        fill(renderer, shape, clip, paint.fill)
    if shape.border:
        stroke = stroke_of(renderer, shape, opaque(paint.border))
        renderer.draw_path(stroke, path, STAY)


def path_of(shape: Shape, height: float) -> Path:
    """Agg's y points up."""
    rings = [[(x, height - y) for x, y in (*ring, ring[0])] for ring in shape.contours]
    if len(rings) == 2:
        rings[1].reverse()  # against the outer one, so that it is a hole
    return Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))


def stroke_of(renderer: RendererAgg, shape: Shape, color: Color) -> GraphicsContextBase:
    context: GraphicsContextBase = renderer.new_gc()
    context.set_linewidth(shape.border)
    context.set_joinstyle("round")
    context.set_foreground(color, isRGBA=True)
    return context


def fill(renderer: RendererAgg, shape: Shape, clip: TransformedPath, colors: Fill) -> None:
    context = renderer.new_gc()
    context.set_linewidth(0)
    if colors.even:
        path, _ = clip.get_transformed_path_and_affine()
        renderer.draw_path(context, path, STAY, opaque(colors.start))
        return
    context.set_clip_path(clip)
    left, _, _, bottom = box_around(shape)
    renderer.draw_image(context, left, renderer.height - bottom, gradient(shape, colors)[::-1])


def box_around(shape: Shape) -> tuple[int, int, int, int]:
    """Whole pixels."""
    left, top, right, bottom = shape.box
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def gradient(shape: Shape, fill: Fill) -> np.ndarray:
    """Opaque uint8 [height, width, 4] over the shape's box, the first row on top."""
    left, top, right, bottom = box_around(shape)
    share = plane((right - left, bottom - top), fill.degrees)
    if fill.radial:
        share = 2 * np.abs(share - 0.5)  # to both sides, since Agg has no gradients of its own
    ends = np.array([opaque(fill.start), opaque(fill.end)])
    mixed = ends[0] + share[..., None] * (ends[1] - ends[0])
    return np.asarray((255 * mixed).round(), dtype=np.uint8)


def cast(renderer: RendererAgg, shape: Shape, path: Path, shadow: Shadow) -> None:
    """A hard shadow, as matplotlib's own."""
    moved = Affine2D().translate(shadow.across, -shadow.down)
    context = renderer.new_gc()
    color = (0.0, 0.0, 0.0, shadow.opacity)
    if shape.hollow:
        renderer.draw_path(stroke_of(renderer, shape, color), path, moved)
        return
    context.set_linewidth(0)
    # The face's opacity counts as it is only if the context's own is not forced.
    renderer.draw_path(context, path, moved, color)


def opaque(color: Rgb) -> Color:
    red, green, blue = (part / 255 for part in color)
    return red, green, blue, 1.0
