"""Host names under which the service may be reached (against DNS rebinding)."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sightline_web.middleware.refusal import PROBE_PATHS, refusal
from sightline_web.openai.errors import ApiError

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


class HostMiddleware:
    """Refuses requests whose Host header names another server."""

    def __init__(self, app: ASGIApp, host_names: Collection[str]) -> None:
        self._app = app
        self._host_names = frozenset(host_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_allowed(scope):
            error = ApiError(
                "This host name is not served; set SIGHTLINE_WEB_ALLOWED_HOSTS to allow it.",
                code="host_not_allowed",
            )
            return await refusal(scope, error)(scope, receive, send)
        await self._app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        if scope["path"] in PROBE_PATHS:
            return True  # probes come to bare addresses and learn nothing
        hosts = Headers(scope=scope).getlist("host")
        match = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        return match is not None and ("*" in self._host_names or match["name"] in self._host_names)
