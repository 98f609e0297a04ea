"""Structured logs: one JSON object a line, no prompts, no pictures."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextvars import ContextVar

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MAX_VALUE_LENGTH = 256
request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonFormatter(logging.Formatter):
    """Formats records as JSON with the fields given in `extra={"fields": {...}}`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": _timestamp(record.created),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage(),
        }
        if request_id.get():
            entry["request_id"] = request_id.get()
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps({key: _bounded(key, value) for key, value in entry.items()})


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends all log records of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def log(logger: logging.Logger, event: str, level: int = logging.INFO, **fields: object) -> None:
    """Logs an event: a short lower-case phrase, and fields instead of sentences."""
    logger.log(level, event, extra={"fields": fields})


def _timestamp(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _bounded(key: str, value: object) -> object:
    if isinstance(value, str) and key != "exception" and len(value) > MAX_VALUE_LENGTH:
        return value[:MAX_VALUE_LENGTH] + "…"
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
