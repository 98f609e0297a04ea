"""Endpoints of the presets that a person keeps."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import open_form
from sightline_web.chat.requests import from_htmx, owner_of
from sightline_web.chat.settings import from_form
from sightline_web.language import translated
from sightline_web.pages import page
from sightline_web.store.presets import MAX_PRESETS, Presets, TooManyPresetsError

MAX_NAME_LENGTH = 60


class PresetRoutes:
    """Adding takes the settings as they stand in the form; choosing is the page's."""

    def __init__(self, presets: Presets) -> None:
        self._presets = presets

    def routes(self) -> list[Route]:
        return [
            Route("/presets", self.add, methods=["POST"]),
            Route("/presets/{preset_id}/rename", self.rename, methods=["POST"]),
            Route("/presets/{preset_id}/delete", self.remove, methods=["POST"]),
        ]

    async def add(self, request: Request) -> Response:
        async with open_form(request) as form:
            name, settings = _name(form), from_form(form)
        try:
            await self._presets.add(owner_of(request), name, settings.stored())
        except TooManyPresetsError:
            sentence = "You keep {n} presets already. Delete one first."
            raise PageError(translated(sentence, n=MAX_PRESETS)) from None
        return await self._shown(request)

    async def rename(self, request: Request) -> Response:
        async with open_form(request) as form:
            name = _name(form)
        await self._presets.rename(owner_of(request), request.path_params["preset_id"], name)
        return await self._shown(request)

    async def remove(self, request: Request) -> Response:
        await self._presets.remove(owner_of(request), request.path_params["preset_id"])
        return await self._shown(request)

    async def _shown(self, request: Request) -> Response:
        """Returns all buttons and the list of one's own, or the page that was left."""
        conversation_id = request.query_params.get("conversation", "")
        if from_htmx(request):
            own = await self._presets.listed(owner_of(request))
            return page("_presets_changed.html", own_presets=own, conversation_id=conversation_id)
        return RedirectResponse(f"/c/{conversation_id}" if conversation_id.isalnum() else "/", 303)


def _name(form: FormData) -> str:
    name = " ".join(str(form.get("preset_name", "")).split())
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        sentence = "Give the preset a name of at most {n} characters."
        raise PageError(translated(sentence, n=MAX_NAME_LENGTH))
    return name
