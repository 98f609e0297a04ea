"""Static files under names that change with their content."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from markupsafe import Markup
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC_DIR = Path(__file__).parent / "static"
_FOREVER = "public, max-age=31536000, immutable"


@cache
def static_url(name: str) -> str:
    """Returns the address of a static file, with its hash."""
    digest = hashlib.sha256((STATIC_DIR / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


@cache
def inlined_style() -> Markup:
    """Returns the site's style sheet as it stands in every page.

    A page that asks for it paints a round trip later, and behind all else that it asks for.
    """
    return Markup((STATIC_DIR / "site.css").read_text("utf-8"))


@cache
def style_source() -> str:
    """Returns how the content security policy names the inlined style sheet."""
    digest = hashlib.sha256(inlined_style().encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


class HashedStaticFiles(StaticFiles):
    """Static files that browsers keep when they asked for them by hash."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        hashed = b"v=" in scope["query_string"]
        response.headers["cache-control"] = _FOREVER if hashed else "no-cache"
        return response
