"""What every request passes before its endpoint: whose is it?"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sightline_web.accounts.account import Account, use_account
from sightline_web.accounts.identity import Identity
from sightline_web.accounts.paths import is_open, is_operators, sign_in_address
from sightline_web.language import translated
from sightline_web.middleware.refusal import is_api_path, refusal
from sightline_web.openai.errors import ApiError
from sightline_web.pages import page


class AccountGate:
    """Lets nobody through who is not known, except to the few paths that are open to all.

    Programs come with keys to the REST API and people with sessions to the pages; neither opens
    the other's door.
    """

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            return await self._app(scope, receive, send)
        request = Request(scope)
        account = await self._account(request)
        if account is None:
            return await _refuse(request)(scope, receive, send)
        if is_operators(scope["path"]) and not account.is_operator:
            return await _not_an_operator(scope)(scope, receive, send)
        use_account(request, account)
        await self._app(scope, receive, send)

    async def _account(self, request: Request) -> Account | None:
        if is_api_path(request.scope["path"]):
            return await self._identity.by_key(_bearer(request))
        return await self._identity.by_session(request)


def _bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _refuse(request: Request) -> Response:
    if is_api_path(request.scope["path"]):
        error = ApiError(
            "This API key is missing or not valid; make one on the page, under your name.",
            http_status=401,
            code="invalid_api_key",
        )
        return refusal(request.scope, error)
    address = sign_in_address(request)
    if request.headers.get("hx-request") == "true":
        return page("_signed_out.html", status=401, address=address)
    return RedirectResponse(address, 303)


def _not_an_operator(scope: Scope) -> Response:
    message = translated("This page is for operators.")
    return refusal(scope, ApiError(message, http_status=403, code="operators_only"))
