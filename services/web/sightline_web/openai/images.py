"""Pictures in requests: data URLs and bare base64, nothing that would be fetched."""

from __future__ import annotations

import base64
import binascii
import re

from sightline_web.openai.errors import ApiError

_DATA_URL = re.compile(r"data:(?P<type>[^,;]*)(?P<parameters>(;[^,;]*)*),", re.IGNORECASE)
_MAX_PREFIX = 512


def image_bytes(url: str, param: str, max_bytes: int) -> bytes:
    """Returns the bytes of an `image_url.url`.

    Raises ApiError for addresses, other media types, sloppy base64, and files that
    are empty or exceed `max_bytes`.
    """
    data = _decoded(_payload(url, param), param)
    if not data:
        raise ApiError("The picture has no bytes.", code="image_empty", param=param)
    if len(data) > max_bytes:
        raise ApiError(
            f"The picture has {len(data)} bytes; at most {max_bytes} are accepted.",
            http_status=413,
            code="image_too_large",
            param=param,
        )
    return data


def _payload(url: str, param: str) -> str:
    if url[:5].lower() == "data:":
        return _data_url_payload(url, param)
    if ":" in url[:_MAX_PREFIX]:
        raise ApiError(
            "Pictures are not fetched from addresses; send a data: URL with base64.",
            code="image_url_forbidden",
            param=param,
        )
    return url


def _data_url_payload(url: str, param: str) -> str:
    match = _DATA_URL.match(url[:_MAX_PREFIX])
    if match is None or match["parameters"].rpartition(";")[2].strip().lower() != "base64":
        raise ApiError(
            "The data: URL must have the form data:image/png;base64,….",
            code="invalid_image_url",
            param=param,
        )
    if not match["type"].strip().lower().startswith("image/"):
        raise ApiError(
            "The data: URL must hold a picture: PNG, JPEG, WebP or GIF.",
            code="image_format_unsupported",
            param=param,
        )
    return url[match.end() :]


def _decoded(payload: str, param: str) -> bytes:
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(
            "The picture is not valid base64 (standard alphabet, padded, no line breaks).",
            code="image_base64_invalid",
            param=param,
        ) from None
