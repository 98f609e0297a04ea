"""The page of one's own account: API keys and sessions."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sightline_web.accounts.account import account_of
from sightline_web.accounts.identity import Identity
from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import open_form
from sightline_web.language import translated
from sightline_web.pages import page
from sightline_web.store.api_keys import ApiKeys

PATH = "/account"
KEY_DAYS = (30, 90, 365)
MAX_KEYS = 50
MAX_KEY_NAME_LENGTH = 100


class AccountRoutes:
    """What a person does with their account. Every form works without htmx."""

    def __init__(self, identity: Identity, keys: ApiKeys) -> None:
        self._identity = identity
        self._keys = keys

    def routes(self) -> list[Route]:
        return [
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route(PATH, self.show),
            Route(f"{PATH}/sign-out-everywhere", self.sign_out_everywhere, methods=["POST"]),
            Route(f"{PATH}/keys", self.add_key, methods=["POST"]),
            Route(f"{PATH}/keys/{{key_id}}/revoke", self.revoke_key, methods=["POST"]),
        ]

    async def sign_out(self, request: Request) -> Response:
        return await self._identity.sign_out(request)

    async def sign_out_everywhere(self, request: Request) -> Response:
        return await self._identity.sign_out_everywhere(request, account_of(request))

    async def show(self, request: Request) -> Response:
        return await self._page(request)

    async def add_key(self, request: Request) -> Response:
        owner_id = account_of(request).owner_id
        async with open_form(request) as form:
            name = " ".join(str(form.get("name", "")).split())[:MAX_KEY_NAME_LENGTH]
            days = str(form.get("days", KEY_DAYS[0]))
        if not name:
            raise PageError(translated("Give the key a name."))
        if days not in map(str, KEY_DAYS):
            raise PageError(translated("Choose how long the key is valid."))
        if await self._keys.count(owner_id) >= MAX_KEYS:
            raise PageError(translated("You have {n} keys. Revoke one first.", n=MAX_KEYS))
        mark = await self._identity.mark_of(request)
        return await self._page(request, await self._keys.add(owner_id, name, int(days), mark))

    async def revoke_key(self, request: Request) -> Response:
        await self._keys.revoke(account_of(request).owner_id, request.path_params["key_id"])
        return RedirectResponse(PATH, 303)

    async def _page(self, request: Request, new_key: str = "") -> Response:
        account = account_of(request)
        keys = await self._keys.listed(account.owner_id)
        return page("account.html", keys=keys, key_days=KEY_DAYS, new_key=new_key)
