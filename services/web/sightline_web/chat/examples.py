"""Pictures to try, for whoever has none at hand."""

from __future__ import annotations

from dataclasses import dataclass

from sightline_web.assets import STATIC_DIR

FOLDER = STATIC_DIR / "examples"


@dataclass(frozen=True)
class Example:
    """A picture and a question about it, which is asked in the page's language."""

    name: str
    question: str
    alt: str

    def data(self) -> bytes:
        return (FOLDER / self.name).read_bytes()


EXAMPLES = (
    Example("shapes.png", "Describe the image.", "Three shapes"),
    Example("tall.png", "How many shapes are there?", "Four shapes in a tall picture"),
    Example("hearts.png", "What is at the top right?", "Two hearts"),
)


def example_named(name: str) -> Example | None:
    """Returns the example of a file name."""
    return next((example for example in EXAMPLES if example.name == name), None)
