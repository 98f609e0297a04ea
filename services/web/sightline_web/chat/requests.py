"""What every endpoint of the page asks of a request."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sightline_web.accounts.account import account_of


def owner_of(request: Request) -> str:
    """Returns whose things this request may see."""
    return account_of(request).owner_id


def from_htmx(request: Request) -> bool:
    """Tells whether a fragment is wanted rather than a page."""
    return request.headers.get("hx-request") == "true"


def go_to(request: Request, path: str) -> Response:
    """Sends the browser to another page."""
    if from_htmx(request):
        return Response(headers={"hx-redirect": path})
    return RedirectResponse(path, 303)
