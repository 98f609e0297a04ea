"""Shapes as SVG elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from training.world.appearance import Fill, Paint, Shadow
from training.world.outlines import Box, Contour
from training.world.painters.gradient import axis
from training.world.palette import Rgb
from training.world.shape import Shape

SHADOW_LAYERS = 4


def document(viewport: Box, parts: Iterable[str]) -> str:
    """What lies in the viewport, in pixels of the picture, at its own size."""
    left, top, right, bottom = viewport
    box = f"{left:g} {top:g} {right - left:g} {bottom - top:g}"
    size = f'width="{right - left:g}" height="{bottom - top:g}" viewBox="{box}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'


def shadowed(number: int, shape: Shape, paint: Paint) -> str:
    """A shape on top of its shadow. Within a document its number names its gradient."""
    shadow = shadow_layers(shape, paint.shadow) if paint.shadow is not None else ()
    return "".join([*shadow, painted(number, shape, paint)])


def painted(number: int, shape: Shape, paint: Paint) -> str:
    name = f"fill{number}"
    drawn = path(shape, brush(shape, paint, name))
    if shape.hollow or paint.fill.even:
        return drawn
    return gradient(name, shape, paint.fill) + drawn


def path(shape: Shape, attributes: dict[str, str]) -> str:
    """The attributes are names and values in CSS."""
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    data = path_data(shape.contours)
    return f'<path d="{data}" fill-rule="evenodd" stroke-linejoin="round"{written}/>'


def brush(shape: Shape, paint: Paint, gradient_name: str) -> dict[str, str]:
    even = css(paint.fill.start) if paint.fill.even else f"url(#{gradient_name})"
    attributes = {"fill": "none" if shape.hollow else even}
    if shape.border:
        attributes |= {"stroke": css(paint.border), "stroke-width": f"{shape.border:.2f}"}
    return attributes


def shadow_layers(shape: Shape, shadow: Shadow) -> Iterator[str]:
    """Copies that grow by the blur; a filter takes longer than all the rest."""
    for layer in range(SHADOW_LAYERS):
        width = shape.border + 2 * shadow.blur * layer / SHADOW_LAYERS
        yield path(
            shape,
            {
                "fill": "none" if shape.hollow else "black",
                "stroke": "black",
                "stroke-width": f"{width:.2f}",
                "opacity": f"{shadow.opacity / SHADOW_LAYERS:.3f}",
                "transform": f"translate({shadow.across:.1f} {shadow.down:.1f})",
            },
        )


def path_data(contours: tuple[Contour, ...]) -> str:
    return "".join(
        "M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in contour) + "Z" for contour in contours
    )


def gradient(name: str, shape: Shape, fill: Fill) -> str:
    stops = f'<stop stop-color="{css(fill.start)}"/>'
    stops += f'<stop offset="1" stop-color="{css(fill.end)}"/>'
    head = f'id="{name}" gradientUnits="userSpaceOnUse"'
    if fill.radial:
        circle = f'cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:.1f}"'
        return f"<radialGradient {head} {circle}>{stops}</radialGradient>"
    (x1, y1), (x2, y2) = axis(shape, fill.degrees)
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f"<linearGradient {head} {ends}>{stops}</linearGradient>"


def css(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
