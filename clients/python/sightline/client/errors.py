"""What can go wrong, as classes that ask for different reactions.

SightlineError
├── InvalidRequestError       change the request
│   ├── PromptTooLongError        shorten the conversation
│   └── MediaError                change the picture or video
├── AccessError               show who calls: the server does not let this caller in
├── NotFoundError             ask for a model or adapter that is served
├── MediaBytesRequiredError   send bytes: the server does not know a digest
├── UnavailableError          come back later
├── DeadlineError             allow more time, or ask for less
├── CallCancelledError        keep the client open until its calls have ended
├── AnswerCutOffError         ask again: the answer stopped before its end
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

    `reason` is stable (docs/errors.md lists them all; it is the status's name where a proxy
    or gRPC itself refused), `message` says what to change, `field` names the request's
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
    """Means that the request itself must change, or is too large for one message."""


class PromptTooLongError(InvalidRequestError):
    """Means that the conversation leaves no room for an answer."""


class MediaError(InvalidRequestError):
    """Means that a picture or video cannot be used."""


class AccessError(SightlineError):
    """Means that the server, or a proxy before it, does not let this caller in."""


class NotFoundError(SightlineError):
    """Means that no such model or adapter is served."""


class MediaBytesRequiredError(SightlineError):
    """Means that the server does not know the digest of a file whose bytes are not here."""


class UnavailableError(SightlineError):
    """Means that the server is full, loading, draining, or cannot be reached."""


class DeadlineError(SightlineError):
    """Means that the time ran out before the answer was complete."""


class CallCancelledError(SightlineError):
    """Means that the call was cancelled by other means than the answer's `cancel`.

    The client was closed meanwhile, the loop over the answer was left, or a proxy hung up.
    """


class AnswerCutOffError(SightlineError):
    """Means that the stream ended without an error and without the answer's end.

    Its `reason` is ANSWER_CUT_OFF, which no server says.
    """


class ServerError(SightlineError):
    """Means a fault on the server's side, or a server that does not know this call."""


_BY_REASON = {
    "PROMPT_TOO_LONG": PromptTooLongError,
    "MEDIA_BYTES_REQUIRED": MediaBytesRequiredError,
}
_BY_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: InvalidRequestError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.CANCELLED: CallCancelledError,
}
# Without a hint, RESOURCE_EXHAUSTED is gRPC's word for a message too large.
_BY_STATUS_HINTED = {**_BY_STATUS, grpc.StatusCode.RESOURCE_EXHAUSTED: UnavailableError}
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS}


def error_from_rpc(failure: RpcFailure) -> SightlineError:
    """Returns a failed call's error, with what its details say."""
    info, field, retry_after_s = _read_details(failure)
    by_status = _BY_STATUS if retry_after_s is None else _BY_STATUS_HINTED
    kind = _error_kind(by_status.get(failure.code(), ServerError), info.reason)
    return kind(
        failure.details() or "The call failed without a message.",
        status=failure.code(),
        reason=info.reason,
        field=field,
        metadata=info.metadata,
        retry_after_s=retry_after_s,
    )


def cancelled_error() -> CallCancelledError:
    """Returns the error of a call that was cancelled here."""
    return CallCancelledError("The call was cancelled.", status=grpc.StatusCode.CANCELLED)


def cut_off_error() -> AnswerCutOffError:
    """Returns the error of a stream that ended well and too early."""
    return AnswerCutOffError(
        "The answer was cut off before its end; ask again.",
        status=grpc.StatusCode.INTERNAL,
        reason="ANSWER_CUT_OFF",
    )


def _error_kind(kind: type[SightlineError], reason: str) -> type[SightlineError]:
    if reason in _BY_REASON:
        return _BY_REASON[reason]
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
