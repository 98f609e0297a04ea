"""Errors to gRPC status and back (google.rpc.Status in the trailing metadata)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from sightline_common.errors import DOMAIN, SightlineError, error_for_reason

STATUS_DETAILS_KEY = "grpc-status-details-bin"


class RpcFailure(Protocol):
    """The part of grpc.aio.AioRpcError that is read here."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]]: ...


def status_code(error: SightlineError) -> grpc.StatusCode:
    """Returns the gRPC code of an error."""
    return grpc.StatusCode[error.status]


def status_details(error: SightlineError) -> bytes:
    """Serialises ErrorInfo, BadRequest and RetryInfo as AIP-193 asks."""
    code, _name = status_code(error).value
    status = status_pb2.Status(code=code, message=error.message)
    status.details.append(_packed(_error_info(error)))
    if error.field:
        status.details.append(_packed(_bad_request(error)))
    if error.retry_after_s is not None:
        status.details.append(_packed(_retry_info(error.retry_after_s)))
    return bytes(status.SerializeToString())


def _packed(message: object) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)  # type: ignore[arg-type]
    return packed


def _error_info(error: SightlineError) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)


def _bad_request(error: SightlineError) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field=error.field, description=error.message
    )
    return error_details_pb2.BadRequest(field_violations=[violation])


def _retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    delay = duration_pb2.Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def error_from_rpc(failure: RpcFailure) -> SightlineError | None:
    """Rebuilds the error that a Sightline server raised; None if it was not one of ours."""
    for key, value in failure.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            return _error_from_status(status_pb2.Status.FromString(value))
    return None


def _error_from_status(status: status_pb2.Status) -> SightlineError | None:
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        for message in (info, bad_request, retry):
            if detail.Is(message.DESCRIPTOR):
                detail.Unpack(message)
    if info.domain != DOMAIN:
        return None
    violations = bad_request.field_violations
    return error_for_reason(info.reason)(
        status.message,
        field=violations[0].field if violations else "",
        metadata=dict(info.metadata),
        retry_after_s=retry.retry_delay.ToNanoseconds() / 1e9 if retry.ByteSize() else None,
    )
