"""Picture files and their kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightline_web.store.pictures import PictureFiles, sniff_mime

from tests.web.fakes import png

NAME = "a" * 64


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (png(), "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", None),
        (b"<svg xmlns=", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_kind_is_told_by_the_first_bytes(data: bytes, mime: str | None) -> None:
    assert sniff_mime(data) == mime


async def test_file_is_stored_whole_and_once(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path)
    await files.write(NAME, b"one")
    await files.write(NAME, b"two")
    assert await files.read(NAME) == b"one"
    assert files_in(tmp_path) == [NAME]


async def test_deleted_file_is_gone(tmp_path: Path) -> None:
    files = PictureFiles(tmp_path)
    await files.write(NAME, b"one")
    await files.delete(NAME)
    await files.delete(NAME)
    with pytest.raises(FileNotFoundError):
        await files.read(NAME)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
async def test_only_digests_name_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        await PictureFiles(tmp_path).read(name)
