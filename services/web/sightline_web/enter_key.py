"""What the Enter key does in the message box: a new line, or sending.

A browser sends a form when Enter is pressed in a field of one line, and by itself does not when
that Enter only chooses characters of an input method. So sending needs no script, at the price
of the further lines.
"""

from __future__ import annotations

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

NEW_LINE = "line"
ENTER_KEYS = {NEW_LINE: "Enter: new line", "send": "Enter: send"}
"""The names that are shown, by what the cookie holds."""
COOKIE = "enter"
_current: ContextVar[str] = ContextVar("enter", default=NEW_LINE)


def current_enter_key() -> str:
    """Returns what Enter does for the request that is being answered."""
    return _current.get()


def use_enter_key(choice: str) -> None:
    """Sets what Enter does for the rest of this request."""
    _current.set(choice)


def wanted_enter_key(headers: Headers) -> str:
    """Returns what a person chose, else a new line."""
    chosen = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return chosen if chosen in ENTER_KEYS else NEW_LINE
