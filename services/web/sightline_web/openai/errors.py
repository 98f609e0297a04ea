"""Errors in OpenAI's shape, and what the generator's reasons become in it.

Reasons are mapped, never texts; one that is not listed is its own code, lower-case.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from sightline_common.errors import SightlineError
from starlette.responses import JSONResponse

STATUS_CODES = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 503,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 503,
    "DEADLINE_EXCEEDED": 504,
}
REASON_CODES = {
    "REQUEST_INVALID": "invalid_request",
    "REQUEST_FIELD_INVALID": "invalid_value",
    "PARAMETER_UNSUPPORTED": "unsupported_parameter",
    "PROMPT_TOO_LONG": "context_length_exceeded",
    "MEDIA_INVALID": "image_invalid",
    "MEDIA_EMPTY": "image_empty",
    "MEDIA_UNREADABLE": "image_decode_failed",
    "MEDIA_FORMAT_UNSUPPORTED": "image_format_unsupported",
    "MEDIA_TOO_LARGE": "image_too_large",
    "MEDIA_ASPECT_RATIO_INVALID": "image_aspect_ratio_invalid",
    "MEDIA_DECODER_FAILED": "image_decoder_failed",
    "MODEL_UNKNOWN": "model_not_found",
    "ADAPTER_UNKNOWN": "adapter_not_found",
    "MODEL_MISMATCH": "model_mismatch",
    "QUEUE_FULL": "server_overloaded",
    "NOT_READY": "model_not_ready",
    "ENCODER_UNAVAILABLE": "encoder_unavailable",
    "DEADLINE_EXCEEDED": "deadline_exceeded",
    "ENGINE_FAILED": "engine_failed",
    "INTERNAL": "server_error",
}
_PARAMETER_NAMES = {
    "max_token_count": "max_completion_tokens",
    "min_token_count": "min_tokens",
    "strings": "stop",
    "token_ids": "stop_token_ids",
    "end_ignored": "ignore_eos",
    "alternative_count": "top_logprobs",
    "candidate_count": "n",
}
_MEDIA_OPTIONS = ".media.options."
_GROUPS = re.compile(r"^(sampling|stop|logprobs)\.")
DEFAULT_RETRY_S = 2.0


class ApiError(Exception):
    """An error as an OpenAI client reads it.

    `param` names the request's element at fault, `code` is stable for programs,
    `retry_after_s` says when to come back.
    """

    def __init__(
        self,
        message: str,
        *,
        http_status: int = 400,
        code: str = "invalid_value",
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    @property
    def kind(self) -> str:
        """OpenAI's coarse type of error."""
        if self.http_status >= 500:
            return "server_error"
        special = {401: "authentication_error", 429: "rate_limit_error"}
        return special.get(self.http_status, "invalid_request_error")

    @property
    def body(self) -> Mapping[str, object]:
        """The JSON object; all four keys are always there."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> JSONResponse:
        """The HTTP response, with Retry-After where coming back may help."""
        headers = {"cache-control": "no-store"}
        if self.http_status in (429, 503):
            seconds = DEFAULT_RETRY_S if self.retry_after_s is None else self.retry_after_s
            headers["retry-after"] = str(max(1, math.ceil(seconds)))
        if self.http_status == 401:
            headers["www-authenticate"] = "Bearer"
        return JSONResponse(self.body, self.http_status, headers)


def unsupported(param: str, what: str) -> ApiError:
    """Refuses by name what this server cannot do."""
    return ApiError(what, code="unsupported_parameter", param=param)


def api_error(error: SightlineError) -> ApiError:
    """Returns what an error of ours is to an API client."""
    param = parameter_name(error.field)
    message = error.message.replace(error.field, param) if error.field else error.message
    return ApiError(
        message,
        http_status=STATUS_CODES.get(error.status, 500),
        code=REASON_CODES.get(error.reason, error.reason.lower()),
        param=param or None,
        retry_after_s=error.retry_after_s,
    )


def parameter_name(field: str) -> str:
    """Returns what a field of the generator's request is called in the API."""
    if field.startswith("messages"):
        name = field.replace(".parts", ".content").replace(_MEDIA_OPTIONS, ".image_url.")
        return name.removesuffix(".media").removesuffix(".text")
    name = _GROUPS.sub("", field)
    return _PARAMETER_NAMES.get(name, name)
