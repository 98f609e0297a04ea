"""Templates, and the responses made from them."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.responses import HTMLResponse

from sightline_web.accounts.account import shown_account
from sightline_web.assets import inlined_style, static_url
from sightline_web.chat.presets import BUILT_IN_NAMES
from sightline_web.language import LANGUAGES, current_language, translated
from sightline_web.preference import ENTER_KEY, THEME

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _day(milliseconds: int) -> str:
    """Returns the day of a time since 1970, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(milliseconds / 1000))


_environment.filters["day"] = _day
_environment.globals |= {
    "inlined_style": inlined_style,
    "static_url": static_url,
    "_": translated,
    "current_language": current_language,
    "languages": LANGUAGES,
    "shown_account": shown_account,
    "current_theme": THEME.current,
    "themes": THEME.names,
    "current_enter_key": ENTER_KEY.current,
    "enter_keys": ENTER_KEY.names,
    "built_in_presets": BUILT_IN_NAMES,
}


def render(template: str, **values: object) -> str:
    """Renders a template; everything but Markup is escaped."""
    return _template(template).render(values)


@cache
def _template(name: str) -> Template:
    """Returns a template whose globals are one plain dictionary: they are copied at each use."""
    found = _environment.get_template(name)
    found.globals = dict(found.globals)
    return found


def page(template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Returns HTML that no cache keeps: one address may have two forms."""
    return HTMLResponse(render(template, **values), status, {"cache-control": "no-store"})


def error_page(status: int, message: str, fragment: bool, takes_videos: bool) -> HTMLResponse:
    """Returns an error as a page, or as the fragment that htmx puts into one.

    The fragment renews the fields for files, which offer videos where `takes_videos`.
    """
    template = "_notice.html" if fragment else "error.html"
    return page(template, status=status, code=status, message=message, takes_videos=takes_videos)
