"""JSON without its traps: endless depth, infinities, broken Unicode."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from sightline_web.openai.errors import ApiError

MAX_DEPTH = 64

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def parse_json(body: bytes) -> Json:
    """Returns the value of a JSON text; raises ApiError for what no client means."""
    try:
        value: Json = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise _malformed("is not valid UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise _malformed("is not valid JSON") from None
    _check(value)
    return value


def _check(root: Json) -> None:
    pending: list[tuple[str, int, Json]] = [("", 1, root)]
    while pending:
        path, depth, value = pending.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(value, str):
            _check_text(path, value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise ApiError("Numbers must be finite.", code="value_not_finite", param=path or None)
        else:
            pending.extend((name, depth + 1, child) for name, child in _children(path, value))


def _children(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, list):
        for index, child in enumerate(value):
            yield f"{path}[{index}]", child
    elif isinstance(value, dict):
        for key, child in value.items():
            _check_text(path, key)
            yield f"{path}.{key}" if path else key, child


def _check_text(path: str, text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ApiError(
            "Text holds half of a surrogate pair, which is no character.",
            code="invalid_unicode",
            param=path or None,
        ) from None


def _malformed(what: str) -> ApiError:
    return ApiError(f"The request's body {what}.", code="invalid_json")


def _too_deep() -> ApiError:
    return ApiError(
        f"The request's JSON is nested deeper than {MAX_DEPTH} levels.", code="json_too_deep"
    )
