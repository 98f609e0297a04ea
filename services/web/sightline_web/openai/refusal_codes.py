"""Every code that a refusal can have, so that each can be counted from 0."""

from __future__ import annotations

from sightline_common.errors import error_types

from sightline_web.openai.errors import api_error

OWN_CODES = frozenset(
    {
        "cross_origin_refused",
        "headers_too_large",
        "host_not_allowed",
        "http_error",
        "image_base64_invalid",
        "image_empty",
        "image_format_unsupported",
        "image_too_large",
        "image_url_forbidden",
        "invalid_api_key",
        "invalid_image_url",
        "invalid_json",
        "invalid_type",
        "invalid_unicode",
        "invalid_value",
        "invalid_video_url",
        "json_too_deep",
        "missing_required_parameter",
        "not_found",
        "operators_only",
        "request_too_large",
        "server_error",
        "unsupported_content_type",
        "unsupported_parameter",
        "value_not_finite",
        "value_out_of_range",
        "video_base64_invalid",
        "video_empty",
        "video_format_unsupported",
        "video_too_large",
        "video_url_forbidden",
    }
)
"""Codes of what web refuses before the generator sees it."""

REFUSAL_CODES = OWN_CODES | {api_error(kind("")).code for kind in error_types()}
