"""The id by which one request is found in all logs, which is also its trace's."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

REQUEST_ID_KEY = "x-request-id"
TRACE_PARENT_KEY = "traceparent"
request_id: ContextVar[str] = ContextVar("request_id", default="")
_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


def choose_request_id(given: str, trace_parent: str = "") -> str:
    """Returns the caller's id if it is harmless, else that of the caller's trace, else a new one.

    A new one has the form of a W3C trace id.
    """
    if _HARMLESS.fullmatch(given):
        return given
    traced = _TRACE_PARENT.fullmatch(trace_parent)
    if traced and _TRACE_ID.fullmatch(traced[1]):
        return traced[1]
    return secrets.token_hex(16)


def as_trace_id(identifier: str) -> int | None:
    """Returns a request id as the number of a trace, None if it does not have the form."""
    return int(identifier, 16) if _TRACE_ID.fullmatch(identifier) else None
