"""Endpoints that keep a person's language, theme and Enter key in cookies."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline_web import language
from sightline_web.accounts.paths import local_path
from sightline_web.chat.forms import open_small_form
from sightline_web.chat.requests import go_to
from sightline_web.preference import ENTER_KEY, THEME

MAX_AGE_S = 365 * 24 * 3600


class PreferenceRoutes:
    """Each choice is a button of a form that comes back to the page it was on."""

    def routes(self) -> list[Route]:
        return [
            Route("/language", self.set_language, methods=["POST"]),
            Route("/theme", self.set_theme, methods=["POST"]),
            Route("/enter", self.set_enter_key, methods=["POST"]),
        ]

    async def set_language(self, request: Request) -> Response:
        return await _keep(request, language.COOKIE, language.LANGUAGES)

    async def set_theme(self, request: Request) -> Response:
        return await _keep(request, THEME.cookie, THEME.names)

    async def set_enter_key(self, request: Request) -> Response:
        return await _keep(request, ENTER_KEY.cookie, ENTER_KEY.names)


async def _keep(request: Request, name: str, choices: Collection[str]) -> Response:
    """Keeps the field of a name as the cookie of that name, if it is one of the choices."""
    async with open_small_form(request) as form:
        value, path = str(form.get(name, "")), str(form.get("path", "/"))
    response = go_to(request, local_path(path))
    if value in choices:
        response.set_cookie(name, value, MAX_AGE_S, httponly=True, samesite="strict")
    return response
