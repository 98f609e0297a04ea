"""Refusals in the form that the caller expects: OpenAI's JSON or a page."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from sightline_web.openai.errors import ApiError
from sightline_web.pages import error_page

API_PREFIX = "/v1/"
REFUSAL_CODE = "sightline.refusal"
"""Under this key a scope holds the code of the error that its request was answered with."""
TAKES_VIDEOS = "sightline.takes_videos"
"""Under this key a scope holds whether the model takes videos."""
LIVENESS_PATH = "/health"
PROBE_PATHS = frozenset({LIVENESS_PATH, "/ready"})


def is_api_path(path: str) -> bool:
    """Tells whether programs rather than people ask for this path."""
    return path.startswith(API_PREFIX)


def refusal(scope: Scope, error: ApiError) -> Response:
    """Returns the response that tells an error."""
    scope[REFUSAL_CODE] = error.code or "none"
    if is_api_path(scope["path"]):
        return error.response()
    fragment = Headers(scope=scope).get("hx-request") == "true"
    takes_videos = scope.get(TAKES_VIDEOS, False)
    return error_page(error.http_status, error.message, fragment, takes_videos)
