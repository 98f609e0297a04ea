"""Sampling settings that a conversation keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sightline.generator.v1 import generator_pb2

from sightline_web.chat.errors import PageError

DEFAULT_MAX_TOKENS = 1024
FALLBACK_CONTEXT = 8192


@dataclass(frozen=True)
class ChatSettings:
    """What a person has chosen; None leaves a value to the model."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None

    def stored(self) -> dict[str, float]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    def apply(self, request: generator_pb2.GenerateTextRequest) -> None:
        """Writes the chosen values into a request."""
        if self.temperature is not None:
            request.sampling.temperature = self.temperature
        if self.top_p is not None:
            request.sampling.top_p = self.top_p
        if self.max_tokens is not None:
            request.stop.max_token_count = self.max_tokens


@dataclass(frozen=True)
class SettingsView:
    """The values that the page shows, and the bound on tokens."""

    temperature: float
    top_p: float
    max_tokens: int
    max_tokens_bound: int


def from_store(stored: Mapping[str, float]) -> ChatSettings:
    """Returns the settings of a conversation."""
    max_tokens = stored.get("max_tokens")
    return ChatSettings(
        stored.get("temperature"),
        stored.get("top_p"),
        None if max_tokens is None else int(max_tokens),
    )


def from_form(form: Mapping[str, object]) -> ChatSettings:
    """Reads the settings' inputs; absent ones stay unset. Raises PageError."""
    max_tokens = _number(form, "max_tokens", 1, 2**31 - 1)
    return ChatSettings(
        _number(form, "temperature", 0, 2),
        _number(form, "top_p", 0.01, 1),
        None if max_tokens is None else int(max_tokens),
    )


def _number(form: Mapping[str, object], name: str, minimum: float, maximum: float) -> float | None:
    text = str(form.get(name, "")).strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not minimum <= value <= maximum:
        label = name.replace("_", " ")
        raise PageError(f"{label} must be a number from {minimum} to {maximum}.")
    return value


def shown(settings: ChatSettings, info: generator_pb2.GetModelInfoResponse | None) -> SettingsView:
    """Returns the chosen values, and the model's own where none was chosen."""
    info = info or generator_pb2.GetModelInfoResponse()
    defaults = info.default_sampling
    bound = info.max_token_count or FALLBACK_CONTEXT
    usual = min(info.default_max_token_count or DEFAULT_MAX_TOKENS, DEFAULT_MAX_TOKENS, bound)
    return SettingsView(
        _first(settings.temperature, _set_value(defaults, "temperature"), 1.0),
        _first(settings.top_p, _set_value(defaults, "top_p"), 1.0),
        int(_first(settings.max_tokens, usual)),
        bound,
    )


def _set_value(options: generator_pb2.SamplingOptions, name: str) -> float | None:
    return getattr(options, name) if options.HasField(name) else None


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
