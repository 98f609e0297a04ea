"""Choices that a person makes with a button, and that a cookie keeps."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.requests import cookie_parser


class Preference:
    """One of a few choices; the first is everybody's who chose nothing.

    `names` are what is shown, by what the cookie named `cookie` holds.
    """

    def __init__(self, cookie: str, names: Mapping[str, str]) -> None:
        self.cookie = cookie
        self.names = names
        self._default = next(iter(names))
        self._current = ContextVar(cookie, default=self._default)

    def current(self) -> str:
        """Returns the choice for the request that is being answered."""
        return self._current.get()

    def use(self, headers: Headers) -> None:
        """Takes over what a request's cookie says, for the rest of this request."""
        chosen = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        self._current.set(chosen if chosen in self.names else self._default)


THEME = Preference("theme", {"system": "As the system", "light": "Light", "dark": "Dark"})
"""Whether pages are light, dark, or as the system is."""

ENTER_KEY = Preference("enter", {"line": "Enter: new line", "send": "Enter: send"})
"""What the Enter key does in the message box: a new line, or sending.

A browser sends a form when Enter is pressed in a field of one line, and by itself does not when
that Enter only chooses characters of an input method. So sending needs no script, at the price
of the further lines.
"""
