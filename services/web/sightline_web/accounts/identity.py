"""From what a request carries to an account."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sightline_web.accounts.account import LOCAL, Account, Proof
from sightline_web.accounts.cookies import HostCookie
from sightline_web.accounts.directory import Directory
from sightline_web.accounts.paths import SIGN_IN_PATH, local_path
from sightline_web.store.api_keys import ApiKeys
from sightline_web.store.sessions import Sessions


class Identity:
    """Finds accounts by session or key, and begins and ends sessions.

    The directory is asked each time: who was removed from it is out at once.
    """

    def __init__(
        self,
        directory: Directory | None,
        sessions: Sessions,
        keys: ApiKeys,
        cookie: HostCookie,
        lifetime_s: float,
    ) -> None:
        self._directory = directory
        self._sessions = sessions
        self._keys = keys
        self._cookie = cookie
        self._lifetime_s = lifetime_s

    async def by_session(self, request: Request) -> Account | None:
        if self._directory is None:
            return LOCAL
        token = self._cookie.read(request)
        session = await self._sessions.find(token) if token else None
        if session is None:
            return None
        return await self._directory.current(session.account, session.mark)

    async def by_key(self, key: str) -> Account | None:
        if self._directory is None:
            return LOCAL
        found = await self._keys.find(key) if key else None
        return None if found is None else await self._directory.current(found.account, found.mark)

    async def mark_of(self, request: Request) -> str:
        """Returns the mark of a request's session; empty where there is none."""
        session = await self._sessions.find(self._cookie.read(request))
        return (session.mark if session else None) or ""

    async def sign_in(self, request: Request, proof: Proof, path: str) -> Response:
        """Begins a session with a token that nobody had before, and goes to a path."""
        await self._end_session(request)
        token = await self._sessions.begin(proof, self._lifetime_s)
        response = RedirectResponse(local_path(path), 303)
        self._cookie.set(request, response, token)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends this session."""
        await self._end_session(request)
        return self._gone(request)

    async def sign_out_everywhere(self, request: Request, account: Account) -> Response:
        """Ends all sessions of an account."""
        await self._sessions.end_all(account.owner_id)
        return self._gone(request)

    async def _end_session(self, request: Request) -> None:
        if token := self._cookie.read(request):
            await self._sessions.end(token)

    def _gone(self, request: Request) -> Response:
        response = RedirectResponse(SIGN_IN_PATH, 303)
        self._cookie.clear(request, response)
        return response
