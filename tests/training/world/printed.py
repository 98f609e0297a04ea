"""What must hold for the glyphs of every printed picture."""

from __future__ import annotations

import numpy as np

from training.world.picture import Picture


def spelt(picture: Picture) -> str:
    assert picture.glyphs is not None
    return "".join(glyph.character for glyph in picture.glyphs)


def without_spaces(text: str) -> str:
    return "".join(text.split())


def assert_boxes_hold_ink(picture: Picture) -> None:
    """Each box is inside the picture and not of one colour."""
    assert picture.glyphs
    gray = np.asarray(picture.image.convert("L")).astype(int)
    for glyph in picture.glyphs:
        left, top, right, bottom = (round(edge) for edge in glyph.box)
        assert left >= -1 and top >= -1, glyph
        assert right <= picture.image.width + 1 and bottom <= picture.image.height + 1, glyph
        assert left - 1 <= glyph.center[0] <= right + 1, glyph
        inside = gray[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1]
        assert np.ptp(inside) >= 50, glyph
