"""Structured logs: one record a line, no prompts, no pictures, no control characters."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable

from sightline_common.request_ids import request_id

LOG_FORMATS = ("json", "text")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_VALUE_LENGTH = 256
MAX_EXCEPTION_LENGTH = 16 * 1024
_HIDDEN_FIELDS = frozenset({"time", "level", "service", "event", "exception"})
# Those of ASCII and of ISO 8859, line and paragraph separators, and what turns the direction.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def _no_trace() -> str:
    return ""


_trace_id: Callable[[], str] = _no_trace


def name_traces(trace_id: Callable[[], str] | None) -> None:
    """Lets records name the current trace where the request has another id."""
    global _trace_id
    _trace_id = trace_id or _no_trace


def escaped(text: str) -> str:
    """Writes control characters as escapes, so that a record is one line and harmless to show."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def readable(record: dict[str, object]) -> str:
    """Writes a record as `event field=value ...`, an exception below it."""
    fields = [f"{key}={value}" for key, value in record.items() if key not in _HIDDEN_FIELDS]
    text = escaped(" ".join([str(record["event"]), *fields]))
    lines = str(record.get("exception", "")).splitlines()
    return "\n".join([text, *map(escaped, lines)])


class JsonFormatter(logging.Formatter):
    """Formats records as JSON with the fields given in `extra={"fields": {...}}`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        # Beyond ASCII everything is escaped by json itself.
        return json.dumps(self.entry(record)).replace("\x7f", "\\u007f")

    def entry(self, record: logging.LogRecord) -> dict[str, object]:
        """Returns what is told of a record, in the order in which it is written."""
        entry: dict[str, object] = {
            "time": _timestamp(record.created),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage(),
        }
        if request_id.get():
            entry["request_id"] = request_id.get()
        if _trace_id() not in ("", request_id.get()):
            entry["trace_id"] = _trace_id()
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return {key: _bounded(key, value) for key, value in entry.items()}


class TextFormatter(JsonFormatter):
    """Formats records for people: time, level, service, event, fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry = self.entry(record)
        head = f"{entry['time']} {str(entry['level']).upper():<7} {self._service}"
        return f"{head} {readable(entry)}"


def configure_logging(service: str, level: str = "INFO", log_format: str = "json") -> None:
    """Sends all log records of this process to stderr, as JSON lines or as text."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonFormatter if log_format == "json" else TextFormatter
    handler.setFormatter(formatter(service))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def log(logger: logging.Logger, event: str, level: int = logging.INFO, **fields: object) -> None:
    """Logs an event: a short lower-case phrase, and fields instead of sentences."""
    logger.log(level, event, extra={"fields": fields})


def _timestamp(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _bounded(key: str, value: object) -> object:
    if isinstance(value, (int, float, bool, type(None))):
        return value
    text, limit = str(value), MAX_EXCEPTION_LENGTH if key == "exception" else MAX_VALUE_LENGTH
    return text if len(text) <= limit else text[:limit] + "…"
