"""Pictures and videos in requests: data URLs and bare base64, nothing that would be fetched."""

from __future__ import annotations

import base64
import binascii
import logging
import re
from dataclasses import dataclass

from sightline_common.telemetry import log

from sightline_web.openai.errors import ApiError
from sightline_web.store.pictures import sniff_mime

_DATA_URL = re.compile(r"data:(?P<type>[^,;]*)(?P<parameters>(;[^,;]*)*),", re.IGNORECASE)
_MAX_PREFIX = 512
_ALIASES = {"image/jpg": "image/jpeg"}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """What a client reads of one kind of mistake."""

    message: str
    code: str
    http_status: int = 400

    def error(self, param: str, **values: int) -> ApiError:
        return ApiError(
            self.message.format(**values),
            http_status=self.http_status,
            code=self.code,
            param=param,
        )


@dataclass(frozen=True)
class InlineKind:
    """Says what a data URL of one kind of medium must be, and how others are refused."""

    type_prefix: str
    forbidden: Refusal
    malformed: Refusal
    other_type: Refusal
    not_base64: Refusal
    empty: Refusal
    too_large: Refusal


PICTURE = InlineKind(
    type_prefix="image/",
    forbidden=Refusal(
        "Pictures are not fetched from addresses; send a data: URL with base64.",
        code="image_url_forbidden",
    ),
    malformed=Refusal(
        "The data: URL must have the form data:image/png;base64,….", code="invalid_image_url"
    ),
    other_type=Refusal(
        "The data: URL must hold a picture: PNG, JPEG, WebP or GIF.",
        code="image_format_unsupported",
    ),
    not_base64=Refusal(
        "The picture is not valid base64 (standard alphabet, padded, no line breaks).",
        code="image_base64_invalid",
    ),
    empty=Refusal("The picture has no bytes.", code="image_empty"),
    too_large=Refusal(
        "The picture has {num_bytes} bytes; at most {max_bytes} are accepted.",
        code="image_too_large",
        http_status=413,
    ),
)
VIDEO = InlineKind(
    type_prefix="video/",
    forbidden=Refusal(
        "Videos are not fetched from addresses; send a data: URL with base64.",
        code="video_url_forbidden",
    ),
    malformed=Refusal(
        "The data: URL must have the form data:video/mp4;base64,….", code="invalid_video_url"
    ),
    other_type=Refusal(
        "The data: URL must hold a video: MP4, MOV, WebM or Matroska.",
        code="video_format_unsupported",
    ),
    not_base64=Refusal(
        "The video is not valid base64 (standard alphabet, padded, no line breaks).",
        code="video_base64_invalid",
    ),
    empty=Refusal("The video has no bytes.", code="video_empty"),
    too_large=Refusal(
        "The video has {num_bytes} bytes; at most {max_bytes} are accepted.",
        code="video_too_large",
        http_status=413,
    ),
)


def inline_bytes(url: str, kind: InlineKind, param: str, max_bytes: int) -> bytes:
    """Returns the bytes of an `image_url.url` or `video_url.url`.

    Raises ApiError for addresses, other media types, sloppy base64, and files that
    are empty or exceed `max_bytes`.
    """
    payload, stated = _payload(url, kind, param)
    data = _decoded(payload, kind, param)
    if not data:
        raise kind.empty.error(param)
    if len(data) > max_bytes:
        raise kind.too_large.error(param, num_bytes=len(data), max_bytes=max_bytes)
    _note_type(stated, data, param)
    return data


def _payload(url: str, kind: InlineKind, param: str) -> tuple[str, str]:
    """Returns base64, and the media type that the URL states, if it states one."""
    if url[:5].lower() == "data:":
        return _data_url_payload(url, kind, param)
    if ":" in url[:_MAX_PREFIX]:
        raise kind.forbidden.error(param)
    return url, ""


def _data_url_payload(url: str, kind: InlineKind, param: str) -> tuple[str, str]:
    match = _DATA_URL.match(url[:_MAX_PREFIX])
    if match is None or match["parameters"].rpartition(";")[2].strip().lower() != "base64":
        raise kind.malformed.error(param)
    stated = match["type"].strip().lower()
    if not stated.startswith(kind.type_prefix):
        raise kind.other_type.error(param)
    return url[match.end() :], stated


def _note_type(stated: str, data: bytes, param: str) -> None:
    """Logs a type that the bytes contradict: they decide, here and in every service."""
    found = sniff_mime(data)
    if stated and found and found != _ALIASES.get(stated, stated):
        log(_logger, "medium has another type than stated", stated=stated, found=found, param=param)


def _decoded(payload: str, kind: InlineKind, param: str) -> bytes:
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise kind.not_base64.error(param) from None
