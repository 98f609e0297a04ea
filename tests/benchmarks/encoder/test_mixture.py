from __future__ import annotations

import io

from PIL import Image

from benchmarks.encoder.mixture import MIXTURE, mixture


def test_files_are_of_the_kinds_in_turn_and_never_the_same():
    files = mixture(len(MIXTURE) + 1, seed=1) + mixture(2, seed=2)

    opened = [Image.open(io.BytesIO(file)) for file in files[: len(MIXTURE)]]
    assert [(each.size, each.format) for each in opened] == [
        ((shape.width, shape.height), shape.format) for shape in MIXTURE
    ]
    assert len(set(files)) == len(files)


def test_same_seed_gives_the_same_files():
    assert mixture(2, seed=5) == mixture(2, seed=5)
