"""What a person or a program is told when a request fails."""

from __future__ import annotations

from sightline_common.errors import SightlineError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sightline_web.chat.errors import PageError
from sightline_web.disconnect import ClientGoneError
from sightline_web.middleware.refusal import refusal
from sightline_web.openai.errors import ApiError, api_error
from sightline_web.store.records import NotFoundError


async def _tell(request: Request, error: Exception) -> Response:
    response = refusal(request.scope, _as_api_error(error))
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


async def _say_nothing(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


def _as_api_error(error: Exception) -> ApiError:
    match error:
        case ApiError():
            return error
        case SightlineError():
            return api_error(error)
        case PageError():
            return ApiError(error.message, http_status=error.http_status)
        case NotFoundError():
            return ApiError("There is nothing here.", http_status=404, code="not_found")
        case HTTPException():
            return ApiError(error.detail, http_status=error.status_code, code="http_error")
    message = "The server failed; its log has the details."
    return ApiError(message, http_status=500, code="server_error")


EXCEPTION_HANDLERS = {
    ApiError: _tell,
    SightlineError: _tell,
    PageError: _tell,
    NotFoundError: _tell,
    HTTPException: _tell,
    ClientGoneError: _say_nothing,
    Exception: _tell,
}
"""Every error that a route may raise, by type."""
