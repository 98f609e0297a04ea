"""A scene as a web page: boxes and clipped boxes of CSS where they do, inline SVG otherwise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from random import Random

from training.world.appearance import Appearance, Fill, Ground, Paint, Shadow
from training.world.outlines import Box
from training.world.painters.markup import css, painted
from training.world.scene import Scene
from training.world.shape import Shape

HEAD = (
    "<!doctype html><style>"
    "html,body{margin:0;width:100%;height:100%;overflow:hidden}"
    "div,svg{position:absolute;box-sizing:border-box}"
    ".whole{inset:0}"
    "</style>"
)


def page_of(scene: Scene, appearance: Appearance) -> str:
    ground = appearance.ground
    return "".join(
        [
            HEAD,
            f'<body style="background:{background(ground)}">{overlay(ground)}',
            *map(element, itertools.count(), scene.shapes, appearance.paints),
            "</body>",
        ]
    )


def background(ground: Ground) -> str:
    """The ground in CSS; what CSS has no word for is even here and gets an overlay."""
    start, end = css(ground.fill.start), css(ground.fill.end)
    rng = Random(ground.seed)
    backgrounds: dict[str, Callable[[], str]] = {
        "ramp": lambda: f"linear-gradient({ground.fill.degrees:.0f}deg,{start},{end})",
        "glow": lambda: f"radial-gradient(circle at {spot(rng)},{start},{end})",
        "spots": lambda: ",".join([*blobs(rng, end), start]),
        "stripes": lambda: stripes(rng, ground.fill),
    }
    return backgrounds.get(ground.texture, lambda: start)()


def spot(rng: Random) -> str:
    return f"{rng.uniform(0, 100):.0f}% {rng.uniform(0, 100):.0f}%"


def blobs(rng: Random, color: str) -> Iterator[str]:
    for _ in range(rng.randint(3, 8)):
        size = rng.uniform(20, 60)
        yield f"radial-gradient(circle at {spot(rng)},{color}80,{color}00 {size:.0f}%)"


def stripes(rng: Random, fill: Fill) -> str:
    width = rng.uniform(4, 24)
    start, end = css(fill.start), css(fill.end)
    bands = f"{start} 0 {width:.1f}px,{end} {width:.1f}px {2 * width:.1f}px"
    return f"repeating-linear-gradient({fill.degrees:.0f}deg,{bands})"


def overlay(ground: Ground) -> str:
    """Turbulence from one colour to the other, for clouds and grain."""
    if ground.texture not in ("clouds", "grain"):
        return ""
    rng = Random(ground.seed)
    frequency = rng.uniform(0.008, 0.03) if ground.texture == "clouds" else rng.uniform(0.5, 0.9)
    parts = " ".join(f"0 0 0 0 {part / 255:.3f}" for part in ground.fill.end)
    return (
        '<svg class="whole" width="100%" height="100%"><filter id="noise"'
        ' x="0" y="0" width="100%" height="100%" color-interpolation-filters="sRGB">'
        f'<feTurbulence type="fractalNoise" numOctaves="4" baseFrequency="{frequency:.3f}"'
        f' seed="{ground.seed % 1000}"/><feColorMatrix values="{parts} 2 0 0 0 -0.5"/></filter>'
        '<rect width="100%" height="100%" filter="url(#noise)"/></svg>'
    )


def element(number: int, shape: Shape, paint: Paint) -> str:
    if shape.kind == "circle":
        return box(shape.box, paint, f"border-radius:50%;{frame(shape, paint)}")
    if shape.border or shape.kind == "ring":
        return drawing(number, shape, paint)
    if shape.kind in ("square", "rectangle"):
        return turned(shape, paint)
    return clipped(shape, paint)


def frame(shape: Shape, paint: Paint) -> str:
    return f"border:{shape.border:.2f}px solid {css(paint.border)};" if shape.border else ""


def box(edges: Box, paint: Paint, style: str, shadow: str = "box-shadow:{}") -> str:
    left, top, right, bottom = edges
    place = f"left:{left:.2f}px;top:{top:.2f}px;width:{right - left:.2f}px;"
    place += f"height:{bottom - top:.2f}px;"
    dropped = cast(paint.shadow, shadow)
    return (
        f'<div style="{place}background:{surface(paint.fill)} border-box;{dropped}{style}"></div>'
    )


def turned(shape: Shape, paint: Paint) -> str:
    """A box around the middle of a rectangle, and then the turn."""
    first, second, third = shape.contours[0][:3]
    width, height = math.dist(first, second), math.dist(second, third)
    degrees = math.degrees(math.atan2(second[1] - first[1], second[0] - first[0]))
    x, y = (first[0] + third[0]) / 2, (first[1] + third[1]) / 2
    edges = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return box(edges, paint, f"transform:rotate({degrees:.2f}deg)")


def clipped(shape: Shape, paint: Paint) -> str:
    """A polygon cut out of a box; its shadow would be cut too, so it belongs to what is around."""
    left, top, _, _ = shape.box
    points = ",".join(f"{x - left:.2f}px {y - top:.2f}px" for x, y in shape.contours[0])
    inner = box(shape.box, paint, f"clip-path:polygon({points})", shadow="")
    return (
        f'<div class="whole" style="{cast(paint.shadow, "filter:drop-shadow({})")}">{inner}</div>'
    )


def drawing(number: int, shape: Shape, paint: Paint) -> str:
    shadow = cast(paint.shadow, "filter:drop-shadow({})")
    inside = painted(number, shape, paint)
    return f'<svg class="whole" width="100%" height="100%" style="{shadow}">{inside}</svg>'


def surface(fill: Fill) -> str:
    start, end = css(fill.start), css(fill.end)
    if fill.even:
        return f"linear-gradient({start},{start})"
    if fill.radial:
        return f"radial-gradient(closest-side,{start},{end})"
    return f"linear-gradient({fill.degrees:.0f}deg,{start},{end})"


def cast(shadow: Shadow | None, declaration: str) -> str:
    """The declaration with the shadow in its place."""
    if shadow is None:
        return ""
    lengths = f"{shadow.across:.1f}px {shadow.down:.1f}px {shadow.blur:.1f}px"
    return declaration.format(f"{lengths} rgb(0 0 0/{shadow.opacity:.2f})") + ";"
