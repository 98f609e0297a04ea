"""Accounts as a whole: what the application takes in."""

from __future__ import annotations

from starlette.routing import Route
from starlette.types import ASGIApp

from sightline_web.accounts.account_routes import AccountRoutes
from sightline_web.accounts.cookies import HostCookie
from sightline_web.accounts.directory import Directory
from sightline_web.accounts.gate import AccountGate
from sightline_web.accounts.identity import Identity
from sightline_web.config import WebSettings
from sightline_web.store.api_keys import ApiKeys
from sightline_web.store.database import Database
from sightline_web.store.sessions import Sessions


class Accounts:
    """People of a directory; without one, everything belongs to one local owner."""

    def __init__(
        self, directory: Directory | None, database: Database, settings: WebSettings
    ) -> None:
        sessions = Sessions(database)
        self._directory = directory
        self._keys = ApiKeys(database)
        cookie = HostCookie("session", settings.session_s, settings.is_public_over_tls)
        self._identity = Identity(directory, sessions, self._keys, cookie, settings.session_s)

    def routes(self) -> list[Route]:
        if self._directory is None:
            return []
        return [
            *self._directory.sign_in_routes(self._identity.sign_in),
            *AccountRoutes(self._identity, self._keys).routes(),
        ]

    def gate(self, app: ASGIApp) -> ASGIApp:
        """Wraps an application so that it meets known accounts only."""
        return AccountGate(app, self._identity)
