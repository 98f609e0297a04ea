"""Pictures and videos as a request names them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Media:
    """A picture or a video: its digest, its bytes, and how the model is to look at it."""

    kind: media_pb2.MediaKind
    digest: str
    """"sha256:" and 64 hexadecimal digits over the file's bytes."""
    data: bytes = field(default=b"", repr=False)
    """The file; empty for one that the server is known to have."""
    options: media_pb2.MediaOptions = field(default_factory=media_pb2.MediaOptions)

    @classmethod
    def image(
        cls,
        source: Source,
        *,
        max_pixel_count: int | None = None,
        is_tiled: bool = False,
        similar_allowed: bool = False,
    ) -> Media:
        """A PNG, JPEG, WebP or GIF from a path or from bytes; raises OSError.

        `max_pixel_count` bounds the pixels that the model sees, `is_tiled` shows a large
        picture in tiles, and `similar_allowed` lets a similar picture's features serve.
        """
        options = media_pb2.MediaOptions(
            max_pixel_count=max_pixel_count,
            tiling=media_pb2.TILING_TILED if is_tiled else media_pb2.TILING_UNSPECIFIED,
            similar_allowed=similar_allowed,
        )
        return _loaded(source, media_pb2.MEDIA_KIND_IMAGE, options)

    @classmethod
    def video(
        cls,
        source: Source,
        *,
        frame_rate: float | None = None,
        max_frame_count: int | None = None,
        max_pixel_count: int | None = None,
    ) -> Media:
        """An MP4, MOV, WebM or Matroska from a path or from bytes; raises OSError.

        `frame_rate` (frames per second) and `max_frame_count` say which frames are shown.
        """
        options = media_pb2.MediaOptions(
            frame_rate=frame_rate, max_frame_count=max_frame_count, max_pixel_count=max_pixel_count
        )
        return _loaded(source, media_pb2.MEDIA_KIND_VIDEO, options)

    def part(self) -> generator_pb2.Part:
        """The part of a message that names this by digest, without its bytes."""
        named = generator_pb2.Media(kind=self.kind, digest=self.digest, options=self.options)
        return generator_pb2.Part(media=named)

    def upload(self, cache_salt: str) -> Iterator[generator_pb2.PutMediaRequest]:
        """The messages of an upload, one chunk at a time."""
        header = generator_pb2.PutMediaHeader(
            digest=self.digest, byte_count=len(self.data), kind=self.kind, cache_salt=cache_salt
        )
        yield generator_pb2.PutMediaRequest(header=header)
        for start in range(0, len(self.data), CHUNK_BYTES):
            yield generator_pb2.PutMediaRequest(chunk=self.data[start : start + CHUNK_BYTES])


Source: TypeAlias = str | os.PathLike[str] | bytes | Media


def _loaded(source: Source, kind: media_pb2.MediaKind, options: media_pb2.MediaOptions) -> Media:
    if isinstance(source, Media):
        return source
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    return Media(kind, f"sha256:{hashlib.sha256(data).hexdigest()}", data, options)
