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
from sightline_encoder.image import MediaLimits, check_byte_count
from sightline_encoder.preprocess import PixelBudget, Preprocessor

MAX_SALT_LENGTH = 256


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


def feature_request(header: encoder_pb2.MediaHeader, preprocessor: Preprocessor) -> FeatureRequest:
    """Returns what a header asks for.

    Raises FieldInvalidError, ParameterUnsupportedError, or MediaTooLargeError when the
    stated size is over the limit.
    """
    _check_digest(header, preprocessor.limits)
    _check_kind(header.kind)
    return FeatureRequest(
        digest=header.digest,
        kind="image",
        budget=_budget(header.options, preprocessor),
        salt=header.salt,
        similar_allowed=header.options.similar_allowed,
    )


def _check_digest(header: encoder_pb2.MediaHeader, limits: MediaLimits) -> None:
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
    if kind == media_pb2.MEDIA_KIND_VIDEO:
        raise ParameterUnsupportedError(
            "This encoder takes pictures only; send a video's frames as images.",
            field="header.kind",
            metadata={"kind": "video"},
        )
    if kind not in (media_pb2.MEDIA_KIND_UNSPECIFIED, media_pb2.MEDIA_KIND_IMAGE):
        raise FieldInvalidError("kind must be a known kind of medium.", field="header.kind")


def _budget(options: media_pb2.MediaOptions, preprocessor: Preprocessor) -> PixelBudget:
    """Frame options are ignored for images."""
    if options.tiling == media_pb2.TILING_TILED:
        raise ParameterUnsupportedError(
            "This encoder has no tiled mode; leave tiling out.", field="header.options.tiling"
        )
    if options.tiling not in (media_pb2.TILING_UNSPECIFIED, media_pb2.TILING_WHOLE):
        raise FieldInvalidError("tiling must be a known mode.", field="header.options.tiling")
    return preprocessor.pixel_budget(
        options.min_pixel_count if options.HasField("min_pixel_count") else None,
        options.max_pixel_count if options.HasField("max_pixel_count") else None,
    )
