"""The pictures in the repository are those that the command draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from sightline_web.chat.examples import EXAMPLES as EXAMPLES_ON_PAGE

from training.examples import EXAMPLES, Example, save

FOLDER = Path("examples")
# Pixels and not files, since compression differs between versions of zlib.


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_command_draws_the_picture_in_the_repository(example: Example, tmp_path: Path) -> None:
    save(example, tmp_path)
    drawn, kept = (Image.open(folder / example.name) for folder in (tmp_path, FOLDER))
    assert (drawn.format, drawn.size) == (kept.format, kept.size)
    assert drawn.convert("RGB").tobytes() == kept.convert("RGB").tobytes()


def test_every_picture_of_the_page_and_of_the_folder_is_drawn() -> None:
    drawn = {example.name for example in EXAMPLES}
    assert {path.name for path in FOLDER.iterdir() if path.suffix != ".json"} == drawn
    assert {example.name for example in EXAMPLES_ON_PAGE} < drawn


def test_the_page_offers_the_same_files() -> None:
    for example in EXAMPLES_ON_PAGE:
        assert example.data() == (FOLDER / example.name).read_bytes()
