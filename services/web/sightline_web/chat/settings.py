"""Settings that a conversation keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from sightline.generator.v1 import generator_pb2

from sightline_web.chat.errors import PageError
from sightline_web.detail import DETAILS
from sightline_web.language import translated

DEFAULT_MAX_TOKENS = 1024
FALLBACK_CONTEXT = 8192
MAX_SYSTEM_LENGTH = 8_000


class Bounds(NamedTuple):
    """What a number may be."""

    label: str
    minimum: float
    maximum: float
    is_whole: bool = False


NUMBERS = {
    "temperature": Bounds("Temperature", 0, 2),
    "top_p": Bounds("Top p", 0.01, 1),
    "top_k": Bounds("Top k", 0, 1000, True),
    "max_tokens": Bounds("Max tokens", 1, 2**31 - 1, True),
    "repetition_penalty": Bounds("Repetition penalty", 0.5, 2),
    "seed": Bounds("Seed", 0, 2**53, True),
}


_ANSWERS = {True: "on", False: "off", None: ""}


@dataclass(frozen=True)
class ChatSettings:
    """What a person has chosen; None leaves a value to the model."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    thinking: bool | None = None
    detail: str = "auto"
    system: str = ""

    def stored(self) -> dict[str, object]:
        """Returns what differs from the defaults."""
        defaults = asdict(ChatSettings())
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    def apply(self, request: generator_pb2.GenerateTextRequest) -> None:
        """Writes the chosen values into a request."""
        for name in ("temperature", "top_p", "top_k", "repetition_penalty", "seed"):
            if (value := getattr(self, name)) is not None:
                setattr(request.sampling, name, value)
        if self.max_tokens is not None:
            request.stop.max_token_count = self.max_tokens
        if self.thinking is not None:
            request.thinking = self.thinking


@dataclass(frozen=True)
class SettingsView:
    """The values that the page shows, and what the model allows."""

    chosen: ChatSettings
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    repetition_penalty: float
    max_tokens_bound: int
    can_think: bool

    @property
    def fields(self) -> dict[str, object]:
        """What the settings' inputs hold, by their names; the last of a name counts in a form."""
        chosen = self.chosen
        found: dict[str, object] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "max_tokens": self.max_tokens,
            "repetition_penalty": self.repetition_penalty,
            "seed": chosen.seed,
            "thinking": _ANSWERS.get(chosen.thinking) if self.can_think else None,
            "detail": chosen.detail,
            "system": chosen.system,
        }
        return {name: value for name, value in found.items() if value not in (None, "")}


def from_store(stored: Mapping[str, object]) -> ChatSettings:
    """Returns the settings of a conversation; what an older version wrote counts, too."""
    known = asdict(ChatSettings())
    return replace(ChatSettings(), **{k: v for k, v in stored.items() if k in known})  # type: ignore[arg-type]


def from_form(form: Mapping[str, object]) -> ChatSettings:
    """Reads the settings' inputs; absent ones stay unset. Raises PageError."""
    numbers = {name: _number(form, name, bounds) for name, bounds in NUMBERS.items()}
    thinking = str(form.get("thinking", ""))
    answers = {words: answer for answer, words in _ANSWERS.items()}
    return ChatSettings(
        **numbers,  # type: ignore[arg-type]
        thinking=answers.get(thinking),
        detail=_detail(form),
        system=_system(form),
    )


def _number(form: Mapping[str, object], name: str, bounds: Bounds) -> float | int | None:
    text = str(form.get(name, "")).strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not bounds.minimum <= value <= bounds.maximum or (bounds.is_whole and value % 1):
        raise PageError(
            translated(
                "{label} must be a number from {minimum} to {maximum}.",
                label=translated(bounds.label),
                minimum=bounds.minimum,
                maximum=bounds.maximum,
            )
        )
    return int(value) if bounds.is_whole else value


def _detail(form: Mapping[str, object]) -> str:
    detail = str(form.get("detail", "") or "auto")
    if detail not in DETAILS:
        raise PageError(translated("Picture detail must be auto, low or high."))
    return detail


def _system(form: Mapping[str, object]) -> str:
    text = str(form.get("system", "")).replace("\r\n", "\n").strip()
    if len(text) > MAX_SYSTEM_LENGTH:
        raise PageError(
            translated("The instructions are longer than {n} characters.", n=MAX_SYSTEM_LENGTH)
        )
    return text


def shown(settings: ChatSettings, info: generator_pb2.GetModelInfoResponse | None) -> SettingsView:
    """Returns the chosen values, and the model's own where none was chosen."""
    info = info or generator_pb2.GetModelInfoResponse()
    defaults = info.default_sampling
    bound = info.max_token_count or FALLBACK_CONTEXT
    usual = min(info.default_max_token_count or DEFAULT_MAX_TOKENS, DEFAULT_MAX_TOKENS, bound)
    return SettingsView(
        chosen=settings,
        temperature=_first(settings.temperature, _set_value(defaults, "temperature"), 1.0),
        top_p=_first(settings.top_p, _set_value(defaults, "top_p"), 1.0),
        top_k=int(_first(settings.top_k, _set_value(defaults, "top_k"), 0)),
        max_tokens=int(_first(settings.max_tokens, usual)),
        repetition_penalty=_first(
            settings.repetition_penalty, _set_value(defaults, "repetition_penalty"), 1.0
        ),
        max_tokens_bound=bound,
        can_think=info.thinking_supported,
    )


def _set_value(options: generator_pb2.SamplingOptions, name: str) -> float | None:
    return getattr(options, name) if options.HasField(name) else None


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
