"""Uploaded files on disk, named by digest, and what their first bytes tell."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from pathlib import Path

_HEX = re.compile(r"[0-9a-f]{64}")
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
PDF = "application/pdf"


def sniff_mime(data: bytes) -> str | None:
    """Returns the type of an accepted picture, video or PDF by its signature, else None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"%PDF-"):
        return PDF
    known = (mime for magic, mime in _SIGNATURES if data.startswith(magic))
    return next(known, None) or _sniff_video(data)


def _sniff_video(data: bytes) -> str | None:
    if data[4:8] == b"ftyp":
        return "video/quicktime" if data[8:10] == b"qt" else "video/mp4"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in data[:64] else "video/x-matroska"
    return None


class PictureFiles:
    """A folder of files; equal bytes are kept once, whoever sent them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, hex_digest: str, data: bytes) -> None:
        """Stores a file whole or not at all."""
        await asyncio.to_thread(self._write, self._path(hex_digest), data)

    async def read(self, hex_digest: str) -> bytes:
        """Returns a file's bytes; raises FileNotFoundError."""
        return await asyncio.to_thread(self._path(hex_digest).read_bytes)

    def path(self, hex_digest: str) -> Path:
        """Returns where a file is, if it is there."""
        return self._path(hex_digest)

    async def delete(self, hex_digest: str) -> None:
        await asyncio.to_thread(self._path(hex_digest).unlink, missing_ok=True)

    def _path(self, hex_digest: str) -> Path:
        if not _HEX.fullmatch(hex_digest):
            raise ValueError("a digest has 64 hexadecimal digits")
        return self._folder / hex_digest[:2] / hex_digest

    def _write(self, path: Path, data: bytes) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        try:
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
