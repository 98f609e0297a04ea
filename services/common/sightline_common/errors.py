"""What can go wrong, and the gRPC status that says so.

    SightlineError
    ├── InvalidRequestError            INVALID_ARGUMENT
    │   ├── FieldInvalidError              REQUEST_FIELD_INVALID
    │   ├── ParameterUnsupportedError      PARAMETER_UNSUPPORTED
    │   ├── StreamOrderError               STREAM_ORDER_INVALID
    │   ├── PromptTooLongError             PROMPT_TOO_LONG
    │   └── MediaError
    │       ├── MediaEmptyError            MEDIA_EMPTY
    │       ├── MediaUnreadableError       MEDIA_UNREADABLE
    │       ├── MediaFormatError           MEDIA_FORMAT_UNSUPPORTED
    │       ├── MediaTooLargeError         MEDIA_TOO_LARGE
    │       ├── MediaAspectRatioError      MEDIA_ASPECT_RATIO_INVALID
    │       ├── MediaDecoderError          MEDIA_DECODER_FAILED
    │       └── MediaDigestError           MEDIA_DIGEST_MISMATCH
    ├── ModelUnknownError              NOT_FOUND            MODEL_UNKNOWN
    ├── AdapterUnknownError            NOT_FOUND            ADAPTER_UNKNOWN
    ├── ModelMismatchError             FAILED_PRECONDITION  MODEL_MISMATCH
    ├── MediaBytesRequiredError        FAILED_PRECONDITION  MEDIA_BYTES_REQUIRED
    ├── QueueFullError                 UNAVAILABLE          QUEUE_FULL
    ├── NotReadyError                  UNAVAILABLE          NOT_READY
    ├── EncoderUnavailableError        UNAVAILABLE          ENCODER_UNAVAILABLE
    ├── PayloadCorruptError            DATA_LOSS            PAYLOAD_CORRUPT
    ├── DeadlineError                  DEADLINE_EXCEEDED    DEADLINE_EXCEEDED
    ├── EngineFailedError              INTERNAL             ENGINE_FAILED
    └── InternalError                  INTERNAL             INTERNAL

Nothing here imports grpc, so that rooms which must not know it may raise these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

DOMAIN = "sightline"


class SightlineError(Exception):
    """Base of all errors that a caller is told about.

    `message` tells the caller what to change, `metadata` carries every variable
    part of it, `field` names the request's element at fault, and
    `retry_after_s` (seconds) says when to come back.
    """

    status: ClassVar[str] = "INTERNAL"
    reason: ClassVar[str] = "INTERNAL"
    is_routine: ClassVar[bool] = False
    """Whether it belongs to an exchange that goes well: nobody counts or logs it as a refusal."""

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s


class InvalidRequestError(SightlineError):
    """Means that the request itself must change."""

    status = "INVALID_ARGUMENT"
    reason = "REQUEST_INVALID"


class FieldInvalidError(InvalidRequestError):
    """Means that one field has an impossible value."""

    reason = "REQUEST_FIELD_INVALID"


class ParameterUnsupportedError(InvalidRequestError):
    """Means that this server cannot do what a field asks for."""

    reason = "PARAMETER_UNSUPPORTED"


class StreamOrderError(InvalidRequestError):
    """Means that messages of a stream came in an illegal order."""

    reason = "STREAM_ORDER_INVALID"


class PromptTooLongError(InvalidRequestError):
    """Means that the prompt leaves no room for an answer."""

    reason = "PROMPT_TOO_LONG"


class MediaError(InvalidRequestError):
    """Means that a picture or video cannot be used."""

    reason = "MEDIA_INVALID"


class MediaEmptyError(MediaError):
    """Means that a file has no bytes."""

    reason = "MEDIA_EMPTY"


class MediaUnreadableError(MediaError):
    """Means that a file is damaged or cut off."""

    reason = "MEDIA_UNREADABLE"


class MediaFormatError(MediaError):
    """Means that a file is of a type that is not accepted."""

    reason = "MEDIA_FORMAT_UNSUPPORTED"


class MediaTooLargeError(MediaError):
    """Means that a file exceeds a limit in bytes, pixels or frames."""

    reason = "MEDIA_TOO_LARGE"


class MediaAspectRatioError(MediaError):
    """Means that a picture is too long and thin."""

    reason = "MEDIA_ASPECT_RATIO_INVALID"


class MediaDecoderError(MediaError):
    """Means that a file's decoder died, or exceeded its memory or time."""

    reason = "MEDIA_DECODER_FAILED"


class MediaDigestError(MediaError):
    """Means that a file's bytes do not have the stated digest."""

    reason = "MEDIA_DIGEST_MISMATCH"


class ModelUnknownError(SightlineError):
    """Means that no such model is served here."""

    status = "NOT_FOUND"
    reason = "MODEL_UNKNOWN"


class AdapterUnknownError(SightlineError):
    """Means that no such adapter is loaded here."""

    status = "NOT_FOUND"
    reason = "ADAPTER_UNKNOWN"


class ModelMismatchError(SightlineError):
    """Means that two services serve different checkpoints."""

    status = "FAILED_PRECONDITION"
    reason = "MODEL_MISMATCH"


class MediaBytesRequiredError(SightlineError):
    """Means that digests alone do not suffice: send these files' bytes."""

    status = "FAILED_PRECONDITION"
    reason = "MEDIA_BYTES_REQUIRED"
    is_routine = True


class QueueFullError(SightlineError):
    """Means that the server has as much work as it accepts."""

    status = "UNAVAILABLE"
    reason = "QUEUE_FULL"


class NotReadyError(SightlineError):
    """Means that the server is loading or draining."""

    status = "UNAVAILABLE"
    reason = "NOT_READY"


class EncoderUnavailableError(SightlineError):
    """Means that the encoder could not be reached."""

    status = "UNAVAILABLE"
    reason = "ENCODER_UNAVAILABLE"


class PayloadCorruptError(SightlineError):
    """Means that a payload does not match its description."""

    status = "DATA_LOSS"
    reason = "PAYLOAD_CORRUPT"


class DeadlineError(SightlineError):
    """Means that the caller's time ran out before the work was done."""

    status = "DEADLINE_EXCEEDED"
    reason = "DEADLINE_EXCEEDED"


class EngineFailedError(SightlineError):
    """Means that the engine could not compute this request."""

    reason = "ENGINE_FAILED"


class InternalError(SightlineError):
    """Means a fault of the server; its log says more."""


def error_types(base: type[SightlineError] = SightlineError) -> Iterator[type[SightlineError]]:
    """Yields the whole tree, parents first."""
    yield base
    for child in base.__subclasses__():
        yield from error_types(child)


def error_for_reason(reason: str) -> type[SightlineError]:
    """Returns the class of a reason that came over the wire; InternalError if unknown."""
    known = {kind.reason: kind for kind in error_types() if kind is not SightlineError}
    return known.get(reason, InternalError)
