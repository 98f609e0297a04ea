from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from training.world.fonts import Face, latin_faces
from training.world.sheet import Sheet, moved, turned, width

TEXT = "AVATar Wolf, 12.5"


def written(face: Face, size: int, anchor: str = "l", x: float = 20) -> Sheet:
    sheet = Sheet(Image.new("L", (500, 80)))
    sheet.write(x, 50, TEXT, face, size, 255, anchor)
    return sheet


def extent(sheet: Sheet) -> tuple[int, int, int, int]:
    box = sheet.image.getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("face", [Face(), *latin_faces()[:6]], ids=str)
@pytest.mark.parametrize("size", [18, 33])
def test_boxes_of_all_characters_are_the_box_of_the_text(face: Face, size: int) -> None:
    sheet = written(face, size)
    boxes = np.array([glyph.box for glyph in sheet.glyphs])
    together = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    assert np.abs(np.array(together) - extent(sheet)).max() <= 2


def test_glyphs_are_the_characters_without_spaces_in_order() -> None:
    sheet = written(Face(), 20)
    assert "".join(glyph.character for glyph in sheet.glyphs) == TEXT.replace(" ", "")
    starts = [glyph.box[0] for glyph in sheet.glyphs]
    assert starts == sorted(starts)


def test_each_character_covers_its_own_box() -> None:
    face = latin_faces()[0]
    for index, glyph in enumerate(written(face, 40).glyphs):
        text = TEXT.replace(" ", "")
        assert glyph.character == text[index]
        alone = face.font(40).getbbox(glyph.character, anchor="ls")
        assert glyph.box[2] - glyph.box[0] == pytest.approx(alone[2] - alone[0])


def test_anchors_say_which_end_of_the_text_is_at_x() -> None:
    face, size = Face(), 24
    long = width(TEXT, face, size)
    left, middle, right = (extent(written(face, size, a, x=200))[0] for a in "lmr")
    assert left - middle == pytest.approx(long / 2, abs=1)
    assert left - right == pytest.approx(long, abs=1)


@pytest.mark.parametrize("degrees", [-10.0, 4.0, 10.0])
def test_turned_boxes_bound_the_turned_ink(degrees: float) -> None:
    sheet = written(latin_faces()[0], 30)
    center = (250.0, 40.0)
    image = sheet.image.rotate(degrees, Image.Resampling.BICUBIC, center=center)
    boxes = np.array([turned(glyph, degrees, center).box for glyph in sheet.glyphs])
    left, top, right, bottom = image.point(lambda value: 255 * (value > 100)).getbbox() or ()
    assert boxes[:, 0].min() - 1 <= left and right <= boxes[:, 2].max() + 1
    assert boxes[:, 1].min() - 1 <= top and bottom <= boxes[:, 3].max() + 1


def test_a_moved_glyph_keeps_its_size() -> None:
    glyph = written(Face(), 20).glyphs[0]
    there = moved(glyph, 7, -3)
    assert np.allclose(np.subtract(there.box, glyph.box), (7, -3, 7, -3))
    assert np.allclose(np.subtract(there.center, glyph.center), (7, -3))
