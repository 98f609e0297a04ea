"""Signing in at an OpenID provider: authorization code with PKCE."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from typing import NamedTuple

from sightline_common.telemetry import log
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sightline_web.accounts.account import Account, Proof
from sightline_web.accounts.claims import ClaimRule, Claims, shown_name
from sightline_web.accounts.cookies import HostCookie
from sightline_web.accounts.directory import SignsIn
from sightline_web.accounts.oidc_provider import OidcProvider, ProviderError
from sightline_web.accounts.paths import SIGN_IN_PATH, local_path
from sightline_web.language import translated
from sightline_web.pages import page

START_PATH = f"{SIGN_IN_PATH}/start"
CALLBACK_PATH = f"{SIGN_IN_PATH}/callback"
PENDING_S = 600.0
MAX_SUBJECT_LENGTH = 255
_logger = logging.getLogger(__name__)


class Rules(NamedTuple):
    """Who may use the service (None: everybody whom the provider knows), and who is an operator."""

    required: ClaimRule | None
    operator: ClaimRule | None


class Pending(NamedTuple):
    """A sign-in that has begun in one browser, whose cookie alone holds it.

    Everything that must not be guessed follows from one secret, so that nothing is kept here.
    """

    secret: str
    path: str

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def written(self) -> str:
        return f"{self.secret}.{_base64(self.path.encode())}"

    def _derived(self, purpose: str) -> str:
        return _base64(hmac.digest(self.secret.encode(), purpose.encode(), "sha256"))


def read_pending(cookie: str) -> Pending | None:
    """Reads the cookie of a sign-in that has begun."""
    secret, _, path = cookie.partition(".")
    try:
        decoded = base64.urlsafe_b64decode(f"{path}==").decode()
    except ValueError:
        return None
    return Pending(secret, local_path(decoded)) if secret else None


class OidcDirectory:
    """The people of an OpenID provider.

    They are known by issuer and subject. All sessions have the role of the latest sign-in.
    """

    def __init__(
        self,
        provider: OidcProvider,
        rules: Rules,
        public_url: str,
        new_secret: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._provider = provider
        self._rules = rules
        self._public_url = public_url
        self._new_secret = new_secret
        self._cookie = HostCookie("sign-in", PENDING_S, public_url.startswith("https:"))

    @property
    def _source(self) -> str:
        return f"oidc:{self._provider.issuer}"

    async def current(self, account: Account, mark: str | None) -> Account | None:
        return account if account.source == self._source else None

    def sign_in_routes(self, sign_in: SignsIn) -> list[Route]:
        async def finish(request: Request) -> Response:
            return await self._finish(request, sign_in)

        return [
            Route(SIGN_IN_PATH, _show),
            Route(START_PATH, self._start),
            Route(CALLBACK_PATH, finish),
        ]

    async def _start(self, request: Request) -> Response:
        path = local_path(request.query_params.get("next", "/"))
        pending = Pending(self._new_secret(), path)
        try:
            address = await self._provider.sign_in_address(
                redirect_uri=self._redirect_uri(request),
                state=pending.state,
                nonce=pending.nonce,
                challenge=pending.challenge,
            )
        except ProviderError as error:
            return _failed(error, path)
        response = RedirectResponse(address, 303)
        self._cookie.set(request, response, pending.written())
        return response

    async def _finish(self, request: Request, sign_in: SignsIn) -> Response:
        pending = read_pending(self._cookie.read(request))
        state = request.query_params.get("state", "")
        if pending is None or not hmac.compare_digest(pending.state.encode(), state.encode()):
            return _form("/", 401, translated("The sign-in took too long. Begin again."))
        try:
            claims = await self._claims(request, pending)
        except ProviderError as error:
            return _failed(error, pending.path)
        if self._rules.required is not None and not self._rules.required.holds(claims):
            log(_logger, "sign-in refused", reason="required claim")
            return _form("/", 403, translated("Your account may not use this service."))
        response = await sign_in(request, self._proof(claims), pending.path)
        self._cookie.clear(request, response)
        return response

    async def _claims(self, request: Request, pending: Pending) -> Claims:
        query = request.query_params
        if "iss" in query:
            await self._provider.check_issuer(query["iss"])
        if "code" not in query:
            raise ProviderError(f"the provider said {query.get('error', 'nothing')[:100]!r}")
        claims = await self._provider.claims(
            code=query["code"],
            redirect_uri=self._redirect_uri(request),
            verifier=pending.verifier,
            nonce=pending.nonce,
        )
        if not 0 < len(str(claims["sub"])) <= MAX_SUBJECT_LENGTH:
            raise ProviderError("the identity token's subject cannot be used")
        return claims

    def _proof(self, claims: Claims) -> Proof:
        operator = self._rules.operator
        is_operator = operator is not None and operator.holds(claims)
        account = Account(self._source, str(claims["sub"]), shown_name(claims), is_operator)
        log(_logger, "signed in", account=account.owner_id)
        return Proof(account)

    def _redirect_uri(self, request: Request) -> str:
        own = f"{request.scope['scheme']}://{request.headers['host']}"
        return f"{self._public_url or own}{CALLBACK_PATH}"


async def _show(request: Request) -> Response:
    return _form(local_path(request.query_params.get("next", "/")))


def _failed(error: ProviderError, path: str) -> Response:
    log(_logger, "sign-in failed", logging.WARNING, reason=str(error))
    return _form(path, 502, translated("The sign-in failed. Try again; the server's log says why."))


def _form(path: str, status: int = 200, message: str = "") -> HTMLResponse:
    return page(
        "sign_in_elsewhere.html", status=status, path=path, message=message, start=START_PATH
    )


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
