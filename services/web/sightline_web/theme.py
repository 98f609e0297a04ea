"""Whether pages are light, dark, or as the system is."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

SYSTEM = "system"
THEMES = {SYSTEM: "As the system", "light": "Light", "dark": "Dark"}
"""The names that are shown, by what the cookie holds."""
COOKIE = "theme"
_current: ContextVar[str] = ContextVar("theme", default=SYSTEM)


def current_theme() -> str:
    """Returns the theme of the request that is being answered."""
    return _current.get()


def use_theme(theme: str) -> None:
    """Sets the theme for the rest of this request."""
    _current.set(theme)


def wanted_theme(headers: Headers) -> str:
    """Returns the theme that a person chose, else the system's."""
    chosen = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return chosen if chosen in THEMES else SYSTEM
