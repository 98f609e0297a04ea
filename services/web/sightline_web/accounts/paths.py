"""Which paths need nobody, and where to go after signing in."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.requests import Request

from sightline_web.middleware.refusal import PROBE_PATHS

SIGN_IN_PATH = "/sign-in"
OPERATOR_PATH = "/operator"
_OPEN_PATHS = PROBE_PATHS | {SIGN_IN_PATH, "/language", "/theme", "/enter"}
_OPEN_PREFIXES = ("/static/", "/s/", f"{SIGN_IN_PATH}/")


def is_open(path: str) -> bool:
    """Tells whether whoever asks may have this path; everything else needs an account."""
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)


def is_operators(path: str) -> bool:
    """Tells whether a path is for operators alone."""
    return path == OPERATOR_PATH or path.startswith(f"{OPERATOR_PATH}/")


def local_path(text: str) -> str:
    """Returns a path of this site, or / for whatever else a form or link may say."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if is_local and text.isascii() and text.isprintable() else "/"


def sign_in_address(request: Request) -> str:
    """Returns the sign-in page that leads back to where this request came from."""
    path = _page_of(request)
    return SIGN_IN_PATH if path == "/" else f"{SIGN_IN_PATH}?next={quote(path, safe='/')}"


def _page_of(request: Request) -> str:
    try:
        address = urlsplit(_shown_address(request))
    except ValueError:
        return "/"
    return local_path(f"{address.path}?{address.query}".rstrip("?"))


def _shown_address(request: Request) -> str:
    if request.headers.get("hx-request") == "true":
        return request.headers.get("hx-current-url", "")
    if request.method in ("GET", "HEAD"):
        query = request.scope["query_string"].decode("latin-1")
        return f"{quote(request.scope['path'])}?{query}"
    return request.headers.get("referer", "")
