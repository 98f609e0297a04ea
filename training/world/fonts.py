"""The fonts that text is printed in: those of a stated list that this machine has."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from random import Random

from PIL import ImageFont

# File names without extension, plain ones first. Which of them are found decides what is drawn.
LATIN_FACES = (
    *("DejaVuSans", "LiberationSans-Regular", "Roboto-Regular", "SourceSansPro-Regular"),
    *("DejaVuSans-Bold", "LiberationSans-Bold", "Roboto-Bold", "SourceSansPro-Semibold"),
    *("DejaVuSerif", "LiberationSerif-Regular", "SourceSerifPro-Regular", "Caladea-Regular"),
    *("Manrope-Regular", "Manrope-Bold", "HankenGrotesk-Regular", "HankenGrotesk-SemiBold"),
    *("LiberationSansNarrow-Regular", "DejaVuSansCondensed", "Roboto-Medium"),
    *("DejaVuSansMono", "LiberationMono-Regular", "DejaVuSansMono-Bold", "LiberationMono-Bold"),
    *("DejaVuSerif-Bold", "LiberationSerif-Bold", "SourceSerifPro-Semibold", "Caladea-Bold"),
    *("DejaVuSans-Oblique", "LiberationSans-Italic", "Roboto-Italic", "SourceSansPro-It"),
    *("LiberationSerif-Italic", "SourceSerifPro-It", "Caladea-Italic", "FredokaOne-Regular"),
)
MONOSPACED = ("DejaVuSansMono", "LiberationMono-Regular")
CHINESE_FACES = (
    *("NotoSansCJK-Regular", "NotoSansCJKtc-Regular", "wqy-microhei", "wqy-zenhei"),
    *("NotoSansCJK-Bold", "NotoSerifCJK-Regular", "NotoSerifCJK-Bold", "uming", "ukai"),
)
FONT_PACKAGES = (
    *("matplotlib", "font_roboto", "font_source_sans_pro", "font_source_serif_pro"),
    *("font_manrope", "font_hanken_grotesk", "font_caladea", "font_fredoka_one"),
    "cvttf_NotoSansCJK_Regular",
)
# Pixels an em: few, so that a font once opened is used again.
SIZES = (
    *range(8, 24),
    *(24, 26, 28, 30, 32, 34, 37, 40, 43, 46, 50, 54, 58, 62, 67, 72, 78, 84, 90),
)
SUFFIXES = {".ttf", ".otf", ".ttc"}
HOW_TO_GET_CHINESE = (
    "No font with Chinese characters was found, so nothing printed in Chinese can be drawn. "
    "Install one: pip install cvttf-NotoSansCJK-Regular, or apt-get install fonts-noto-cjk"
)


@dataclass(frozen=True)
class Face:
    """A font file; `index` counts in a collection. Without a file it is Pillow's own font."""

    path: Path | None = None
    index: int = 0

    def font(self, size: int) -> ImageFont.FreeTypeFont:
        """The font at `size` pixels an em."""
        return load(self, size)

    def size_for(self, x_height: float) -> int:
        """The size in pixels at which a small x is so many pixels high."""
        return nearest_size(x_height / x_share(self))


def nearest_size(size: float) -> int:
    """Of the SIZES."""
    nearest: int = min(SIZES, key=lambda known: abs(known - size))
    return nearest


# An open font of Chinese characters takes 2 MB, at each size.
@lru_cache(maxsize=512)
def load(face: Face, size: int) -> ImageFont.FreeTypeFont:
    if face.path is None:
        font = ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont), "Pillow is built without FreeType"
        return font
    # Basic layout is the same on every machine and needs no further library.
    layout = ImageFont.Layout.BASIC
    return ImageFont.truetype(face.path, size, index=face.index, layout_engine=layout)


@cache
def x_share(face: Face) -> float:
    """The height of a small x as a share of the size."""
    _left, top, _right, bottom = load(face, 200).getbbox("x", anchor="ls")
    return (bottom - top) / 200


def folders() -> Iterable[Path]:
    """Where fontconfig looks by default, and the packages that bring fonts."""
    data = os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share")
    yield from (Path(folder) / "fonts" for folder in data.split(":"))
    yield from (Path.home() / ".local/share/fonts", Path.home() / ".fonts")
    for name in FONT_PACKAGES:
        spec = importlib.util.find_spec(name)
        yield from (Path(place) for place in (spec and spec.submodule_search_locations) or ())


@cache
def found() -> dict[str, Path]:
    """Each font file's path by its name without extension; the first found counts."""
    paths: dict[str, Path] = {}
    for folder in folders():
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                paths.setdefault(path.stem, path)
    return paths


@cache
def latin_faces() -> tuple[Face, ...]:
    """Never empty."""
    return tuple(Face(found()[name]) for name in LATIN_FACES if name in found()) or (Face(),)


@cache
def monospaced_faces() -> tuple[Face, ...]:
    return tuple(Face(found()[name]) for name in MONOSPACED if name in found()) or latin_faces()


@cache
def chinese_faces() -> tuple[Face, ...]:
    """Empty on a machine without such a font."""
    paths = (found()[name] for name in CHINESE_FACES if name in found())
    return tuple(Face(path, simplified_index(path)) for path in paths)


def simplified_index(path: Path) -> int:
    """A collection may hold the same font for several regions."""
    if path.suffix.lower() != ".ttc":
        return 0
    for index in range(16):
        try:
            family = ImageFont.truetype(path, 20, index=index).getname()[0] or ""
        except OSError:
            return 0
        if family.endswith(" SC"):
            return index
    return 0


def draw_face(rng: Random, faces: tuple[Face, ...], difficulty: float) -> Face:
    """One of the first faces, or of all when `difficulty` is 1."""
    return rng.choice(faces[: max(4, round(difficulty * len(faces)))])


def require_chinese() -> None:
    """Raises RuntimeError that says how to get a font."""
    if not chinese_faces():
        raise RuntimeError(HOW_TO_GET_CHINESE)
