"""What shapes are called, whatever the language."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from training.world.scene import Scene, Shape


@dataclass(frozen=True)
class Call:
    """A shape by its colour, its kind, or both; without either it is any shape."""

    color: str | None = None
    kind: str | None = None

    def fits(self, shape: Shape) -> bool:
        return self.color in (None, shape.color) and self.kind in (None, shape.kind)

    def fitting(self, scene: Scene) -> list[Shape]:
        return [shape for shape in scene.shapes if self.fits(shape)]


ANY = Call()
ABSENT_SHARE = 0.12


def name_of(shape: Shape) -> Call:
    return Call(shape.color, shape.kind)


def calls_of(shape: Shape) -> list[Call]:
    """From exact to vague."""
    return [name_of(shape), Call(kind=shape.kind), Call(color=shape.color)]


def unique_calls(scene: Scene) -> list[tuple[Shape, Call]]:
    """Shapes, and what only each of them is called."""
    calls = [(shape, call) for shape in scene.shapes for call in calls_of(shape)]
    return [(shape, call) for shape, call in calls if len(call.fitting(scene)) == 1]


def pick_call(
    rng: Random, scene: Scene, kinds: Collection[str], colors: Collection[str]
) -> tuple[Shape | None, Call]:
    """A shape and what only it is called, or sometimes None and the name of nothing there."""
    unique = unique_calls(scene)
    if not unique or rng.random() < ABSENT_SHARE:
        return None, missing(rng, scene, kinds, colors)
    return rng.choice(unique)


def missing(rng: Random, scene: Scene, kinds: Collection[str], colors: Collection[str]) -> Call:
    """What is not there, preferably close to something that is."""
    known_kinds, known_colors = tuple(kinds), tuple(colors)
    while True:
        shape, kind, color = (
            rng.choice(scene.shapes),
            rng.choice(known_kinds),
            rng.choice(known_colors),
        )
        near = (Call(shape.color, kind), Call(color, shape.kind))
        far = (Call(color, kind), Call(kind=kind), Call(color=color))
        call = rng.choice((*near, *near, *far))
        if not call.fitting(scene):
            return call
