"""Scenes drawn by a browser, which training never uses."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from training.examination.drawing import Wanted
from training.world.browser import draw_browser_pictures


def draw_by_browser(wanted: Sequence[Wanted]) -> list[Image.Image]:
    """Raises BrowserMissing."""
    return [picture.image for picture in draw_browser_pictures(scene for _, scene in wanted)]
