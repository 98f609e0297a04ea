"""What can go wrong, as classes that ask for different reactions.

SightlineError
├── InvalidRequestError       change the request
│   ├── PromptTooLongError        shorten the conversation
│   └── MediaError                change the picture or video
├── NotFoundError             ask for a model or adapter that is served
├── MediaBytesRequiredError   send bytes: the server does not know a digest
├── UnavailableError          come back later
├── DeadlineError             allow more time, or ask for less
└── ServerError               report it, with the server's log
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import grpc
from google.rpc import error_details_pb2, status_pb2

STATUS_DETAILS_KEY = "grpc-status-details-bin"


class RpcFailure(Protocol):
    """The part of a failed call that is read here; of `grpc` and `grpc.aio` alike."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Iterable[Any] | None: ...


class SightlineError(Exception):
    """Base of all errors that this package raises about a call.

    `reason` is stable (docs/errors.md lists them all; the status's name where a proxy or
    gRPC itself refused), `message` says what to change, `field` names the request's
    element at fault, `metadata` holds the message's variable parts, `status` is the gRPC
    status, and `retry_after_s` (seconds) says when to come back, if that helps.
    """

    def __init__(
        self,
        message: str,
        *,
        status: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason or status.name
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.retry_after_s is not None or self.status in _PASSING


class InvalidRequestError(SightlineError):
    """Means that the request itself must change."""


class PromptTooLongError(InvalidRequestError):
    """Means that the conversation leaves no room for an answer."""


class MediaError(InvalidRequestError):
    """Means that a picture or video cannot be used."""


class NotFoundError(SightlineError):
    """Means that no such model or adapter is served."""


class MediaBytesRequiredError(SightlineError):
    """Means that the server does not know the digest of a file whose bytes are not here."""


class UnavailableError(SightlineError):
    """Means that the server is full, loading, draining, or cannot be reached."""


class DeadlineError(SightlineError):
    """Means that the time ran out before the answer was complete."""


class ServerError(SightlineError):
    """Means a fault on the server's side."""


_BY_REASON = {
    "PROMPT_TOO_LONG": PromptTooLongError,
    "MEDIA_BYTES_REQUIRED": MediaBytesRequiredError,
}
_BY_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
}
# RESOURCE_EXHAUSTED passes only with a hint: without one it is gRPC's word for a message too large.
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS}


def error_from_rpc(failure: RpcFailure) -> SightlineError:
    """Returns a failed call's error, with what its details say."""
    info, field, retry_after_s = _read_details(failure)
    kind = _error_kind(failure.code(), info.reason)
    return kind(
        failure.details() or "The call failed without a message.",
        status=failure.code(),
        reason=info.reason,
        field=field,
        metadata=info.metadata,
        retry_after_s=retry_after_s,
    )


def _error_kind(status: grpc.StatusCode, reason: str) -> type[SightlineError]:
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    kind = _BY_STATUS.get(status, ServerError)
    return MediaError if kind is InvalidRequestError and reason.startswith("MEDIA_") else kind


def _read_details(
    failure: RpcFailure,
) -> tuple[error_details_pb2.ErrorInfo, str, float | None]:
    """Returns the error's info, the field at fault, and the hint in seconds."""
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    hint = None
    for detail in _status(failure).details:
        detail.Unpack(info) or detail.Unpack(request)
        if detail.Unpack(retry):
            hint = retry.retry_delay.ToNanoseconds() / 1e9
    field = request.field_violations[0].field if request.field_violations else ""
    return info, field, hint


def _status(failure: RpcFailure) -> status_pb2.Status:
    for key, value in failure.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            return status_pb2.Status.FromString(value)
    return status_pb2.Status()
