"""The language of pages: English, or one of the translations."""

from __future__ import annotations

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from sightline_web.translations.chinese import CHINESE

ENGLISH = "en"
TRANSLATIONS: dict[str, dict[str, str]] = {"zh": CHINESE}
LANGUAGES = {ENGLISH: "English", "zh": "中文"}
COOKIE = "language"
_current: ContextVar[str] = ContextVar("language", default=ENGLISH)


def current_language() -> str:
    """Returns the language of the request that is being answered."""
    return _current.get()


def use_language(language: str) -> None:
    """Sets the language for the rest of this request."""
    _current.set(language)


def translated(text: str, **values: object) -> str:
    """Returns a sentence in the current language, with values put in.

    Sentences are known by their English form; what has no translation stays English.
    """
    sentence = TRANSLATIONS.get(current_language(), {}).get(text, text)
    return sentence.format(**values)


def wanted_language(headers: Headers) -> str:
    """Returns the language that a person chose, or else the browser prefers."""
    chosen = cookie_parser(headers.get("cookie", "")).get(COOKIE)
    return chosen if chosen in LANGUAGES else _preferred(headers.get("accept-language", ""))


def _preferred(accepted: str) -> str:
    """Reads an Accept-Language header; order counts, then the weights (RFC 9110, 12.5.4)."""
    ranked = sorted(map(_weighted, accepted.split(",")), key=lambda pair: -pair[1])
    known = (tag for tag, weight in ranked if weight > 0 and tag in LANGUAGES)
    return next(known, ENGLISH)


def _weighted(entry: str) -> tuple[str, float]:
    tag, _, parameter = entry.partition(";")
    name = tag.strip().lower().partition("-")[0]
    try:
        return name, float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        return name, 0.0
