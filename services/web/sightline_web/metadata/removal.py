"""Removal by allow-list: what is not known to be needed goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sightline_web.metadata import gif, jpeg, mp4, png, webp

_BY_TYPE: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "image/png": png.without_metadata,
        "image/jpeg": jpeg.without_metadata,
        "image/webp": webp.without_metadata,
        "image/gif": gif.without_metadata,
        "video/mp4": mp4.without_metadata,
        "video/quicktime": mp4.without_metadata,
    }
)


def without_metadata(data: bytes, mime: str) -> bytes:
    """Returns a file without GPS, dates, names, thumbnails, comments, and what follows its end.

    No pixel is decoded or changed. A damaged file stays damaged; what comes out of it again
    does not change any more. Files of other types are returned as they are.
    """
    remove = _BY_TYPE.get(mime)
    return data if remove is None else remove(data)
