from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from training.world import fonts
from training.world.alphabet import CHINESE, CHINESE_PUNCTUATION, LATIN
from training.world.fonts import Face

needs_chinese = pytest.mark.skipif(not fonts.chinese_faces(), reason=fonts.HOW_TO_GET_CHINESE)


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any font file."""
    monkeypatch.setattr(fonts, "found", dict)
    monkeypatch.setattr(fonts, "latin_faces", fonts.latin_faces.__wrapped__)
    monkeypatch.setattr(fonts, "chinese_faces", fonts.chinese_faces.__wrapped__)


def shapes(face: Face, characters: str) -> set[bytes]:
    font = face.font(40)
    return {bytes(font.getmask(character)) for character in characters}


@pytest.mark.parametrize("face", fonts.latin_faces(), ids=str)
def test_latin_faces_have_every_latin_character_of_the_alphabet(face: Face) -> None:
    missing = bytes(face.font(40).getmask("\ufffe"))
    assert missing not in shapes(face, LATIN)
    # I and l may be the same stroke in a plain face, and so may a few marks.
    assert len(shapes(face, LATIN)) >= len(LATIN) - 3


@needs_chinese
@pytest.mark.parametrize("face", fonts.chinese_faces(), ids=str)
def test_chinese_faces_have_every_character_of_the_alphabet(face: Face) -> None:
    missing = bytes(face.font(40).getmask("\ufffe"))
    characters = CHINESE + CHINESE_PUNCTUATION
    assert missing not in shapes(face, characters)
    assert len(shapes(face, characters)) == len(characters)


@pytest.mark.usefixtures("bare_machine")
def test_a_machine_without_fonts_prints_latin_in_pillows_own() -> None:
    assert fonts.latin_faces() == (Face(),)
    assert bytes(Face().font(30).getmask("a")) != bytes(Face().font(30).getmask("b"))


@pytest.mark.usefixtures("bare_machine")
def test_a_machine_without_chinese_fonts_says_how_to_get_one() -> None:
    with pytest.raises(RuntimeError, match=r"pip install .* apt-get install fonts-noto-cjk"):
        fonts.require_chinese()


@pytest.mark.parametrize("face", fonts.latin_faces()[:6], ids=str)
@pytest.mark.parametrize("x_height", [10, 24])
def test_a_small_x_gets_the_height_asked_for(face: Face, x_height: int) -> None:
    _, top, _, bottom = face.font(face.size_for(x_height)).getbbox("x", anchor="ls")
    assert abs(bottom - top - x_height) <= 1


def test_difficulty_opens_more_faces() -> None:
    faces = tuple(Face(Path(str(number))) for number in range(40))
    easy = {fonts.draw_face(Random(seed), faces, 0.0) for seed in range(200)}
    hard = {fonts.draw_face(Random(seed), faces, 1.0) for seed in range(400)}
    assert easy == set(faces[:4])
    assert hard == set(faces)
