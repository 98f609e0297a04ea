"""A header from the wire to a checked request, its defaults filled in."""

from __future__ import annotations

from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_common.digest import is_digest
from sightline_common.errors import (
    FieldInvalidError,
    ModelMismatchError,
    ParameterUnsupportedError,
)

from sightline_encoder.feature_key import FeatureRequest
from sightline_encoder.image import FileLimits, check_byte_count
from sightline_encoder.pixel_budget import FrameBudget, PixelBudget
from sightline_encoder.preprocess import Preprocessor

MAX_SALT_LENGTH = 256
_KINDS = frozenset(media_pb2.MediaKind.values())
_TILINGS = frozenset(media_pb2.Tiling.values())


def check_model(header: encoder_pb2.MediaHeader, fingerprint: str) -> None:
    """Raises ModelMismatchError unless the client expects this checkpoint, or any."""
    if header.checkpoint_fingerprint not in ("", fingerprint):
        raise ModelMismatchError(
            "The encoder serves another checkpoint than the client expects; "
            "start both with the same model.",
            field="header.checkpoint_fingerprint",
            metadata={"expected": header.checkpoint_fingerprint, "served": fingerprint},
        )


def check_similar(request: FeatureRequest, *, offered: bool) -> None:
    """Raises ParameterUnsupportedError if a request allows what is not offered."""
    if request.similar_allowed and not offered:
        raise ParameterUnsupportedError(
            "This encoder does not look for similar pictures; leave similar_allowed out, or "
            "start it with SIGHTLINE_ENCODER_SIMILAR_BYTES.",
            field="header.options.similar_allowed",
        )


def check_tiling(header: encoder_pb2.MediaHeader, *, offered: bool) -> None:
    """Raises ParameterUnsupportedError if tiles are asked of a tower that knows none."""
    if header.options.tiling == media_pb2.TILING_TILED and not offered:
        raise ParameterUnsupportedError(
            "This model has no tiled mode; leave tiling out.", field="header.options.tiling"
        )


def feature_request(header: encoder_pb2.MediaHeader, preprocessor: Preprocessor) -> FeatureRequest:
    """Returns what a header asks for.

    Raises FieldInvalidError, ParameterUnsupportedError, or MediaTooLargeError when the
    stated size is over the limit.
    """
    _check_kind(header.kind)
    _check_digest(header, file_limits(header, preprocessor))
    tiled = _is_tiled(header)
    is_video = header.kind == media_pb2.MEDIA_KIND_VIDEO
    budget = _frame_budget if is_video else _pixel_budget
    return FeatureRequest(
        digest=header.digest,
        kind="video" if is_video else "image",
        budget=budget(header.options, preprocessor),
        salt=header.salt,
        tiled=tiled,
        similar_allowed=header.options.similar_allowed and not is_video,
    )


def file_limits(header: encoder_pb2.MediaHeader, preprocessor: Preprocessor) -> FileLimits:
    """Returns the bounds of a file of the announced kind.

    Raises ParameterUnsupportedError for a video where none are taken.
    """
    if header.kind == media_pb2.MEDIA_KIND_VIDEO:
        return preprocessor.video.limits
    return preprocessor.limits


def _check_digest(header: encoder_pb2.MediaHeader, limits: FileLimits) -> None:
    if not is_digest(header.digest):
        raise FieldInvalidError(
            'digest must be "sha256:" and 64 lower-case hexadecimal digits.', field="header.digest"
        )
    if header.byte_count < 0:
        raise FieldInvalidError("byte_count must not be negative.", field="header.byte_count")
    if header.byte_count:
        check_byte_count(header.byte_count, limits)
    if len(header.salt) > MAX_SALT_LENGTH:
        raise FieldInvalidError(
            f"salt must have at most {MAX_SALT_LENGTH} characters.", field="header.salt"
        )


def _check_kind(kind: media_pb2.MediaKind) -> None:
    if kind not in _KINDS:
        raise FieldInvalidError("kind must be a known kind of medium.", field="header.kind")


def _is_tiled(header: encoder_pb2.MediaHeader) -> bool:
    tiling = header.options.tiling
    if tiling not in _TILINGS:
        raise FieldInvalidError("tiling must be a known mode.", field="header.options.tiling")
    tiled = tiling == media_pb2.TILING_TILED
    if tiled and header.kind == media_pb2.MEDIA_KIND_VIDEO:
        raise ParameterUnsupportedError(
            "Videos have no tiled mode; leave tiling out.", field="header.options.tiling"
        )
    return tiled


def _pixel_budget(options: media_pb2.MediaOptions, preprocessor: Preprocessor) -> PixelBudget:
    """Frame options are ignored for images."""
    return preprocessor.pixel_budget(
        options.min_pixel_count if options.HasField("min_pixel_count") else None,
        options.max_pixel_count if options.HasField("max_pixel_count") else None,
        tiled=options.tiling == media_pb2.TILING_TILED,
    )


def _frame_budget(options: media_pb2.MediaOptions, preprocessor: Preprocessor) -> FrameBudget:
    return preprocessor.video.budget(
        options.min_pixel_count if options.HasField("min_pixel_count") else None,
        options.max_pixel_count if options.HasField("max_pixel_count") else None,
        options.frame_rate if options.HasField("frame_rate") else None,
        options.max_frame_count if options.HasField("max_frame_count") else None,
    )
