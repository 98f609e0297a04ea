"""Where people are known: what a password file and an OpenID provider have in common."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline_web.accounts.account import Account, Proof


class SignsIn(Protocol):
    """Begins a session for somebody who has proved who they are."""

    async def __call__(self, request: Request, proof: Proof, path: str) -> Response: ...


class Directory(Protocol):
    """Knows people, and how they sign in."""

    async def current(self, account: Account, mark: str | None) -> Account | None:
        """Returns an account as it is now, or None when it may not be used any more.

        `mark` is that of the session or key; None is one made before keys had marks.
        """
        ...

    def sign_in_routes(self, sign_in: SignsIn) -> list[Route]:
        """Returns the pages that lead to a session; `/sign-in` is among them."""
        ...
