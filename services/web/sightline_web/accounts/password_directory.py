"""Signing in with a name and a password."""

from __future__ import annotations

import asyncio
import logging
import math

from sightline_common.telemetry import log
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sightline_web.accounts.account import MAX_NAME_LENGTH, Account, Proof
from sightline_web.accounts.attempts import Attempts
from sightline_web.accounts.directory import SignsIn
from sightline_web.accounts.password_file import MAX_PASSWORD_LENGTH, SOURCE, PasswordFile
from sightline_web.accounts.paths import SIGN_IN_PATH, local_path
from sightline_web.chat.errors import PageError
from sightline_web.chat.forms import open_small_form
from sightline_web.language import translated
from sightline_web.pages import page

MAX_CONCURRENT = 2
"""Hashes at once: each takes memory and a core, as it should."""
MAX_WAITING = 32
_logger = logging.getLogger(__name__)


class PasswordDirectory:
    """The people of a password file."""

    def __init__(self, file: PasswordFile, attempts: Attempts | None = None) -> None:
        self._file = file
        self._attempts = attempts or Attempts()
        self._hashing = asyncio.Semaphore(MAX_CONCURRENT)
        self._waiting_count = 0

    async def current(self, account: Account, mark: str | None) -> Account | None:
        entry = self._file.find(account.subject) if account.source == SOURCE else None
        if entry is None or mark not in (None, entry.mark):
            return None
        return entry.account

    def sign_in_routes(self, sign_in: SignsIn) -> list[Route]:
        async def read(request: Request) -> Response:
            return await self._read(request, sign_in)

        return [
            Route(SIGN_IN_PATH, _show),
            Route(SIGN_IN_PATH, read, methods=["POST"]),
        ]

    async def _read(self, request: Request, sign_in: SignsIn) -> Response:
        async with open_small_form(request) as form:
            name, password = str(form.get("name", "")).strip(), str(form.get("password", ""))
            path = local_path(str(form.get("next", "/")))
        address = request.client.host if request.client else ""
        key = name[:MAX_NAME_LENGTH].casefold()
        if self._waiting_count >= MAX_WAITING:  # before the attempt counts
            raise PageError(translated("Too many are signing in. Try again in a moment."), 503)
        wait_s = self._attempts.begin(key, address)
        if wait_s > 0:
            return _form(path, name, status=429, wait_s=wait_s)
        proof = await self._verify(name, password)
        if proof is None:
            log(_logger, "sign-in refused", address=address)
            return _form(path, name, status=401)
        self._attempts.succeeded(key, address)
        log(_logger, "signed in", account=proof.account.owner_id, address=address)
        return await sign_in(request, proof, path)

    async def _verify(self, name: str, password: str) -> Proof | None:
        if len(password) > MAX_PASSWORD_LENGTH:
            return None
        self._waiting_count += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(self._file.verify, name, password)
        finally:
            self._waiting_count -= 1


async def _show(request: Request) -> Response:
    return _form(local_path(request.query_params.get("next", "/")), "")


def _form(path: str, name: str, *, status: int = 200, wait_s: float = 0.0) -> HTMLResponse:
    message = ""
    if status == 401:
        message = translated("The name or the password is wrong.")
    elif status == 429:
        minutes = math.ceil(wait_s / 60)
        message = translated("Too many attempts. Try again in {n} minutes.", n=minutes)
    response = page("sign_in.html", status=status, path=path, name=name, message=message)
    if wait_s:
        response.headers["retry-after"] = str(math.ceil(wait_s))
    return response
