"""Environment variables to frozen dataclasses; a bad value is a refusal to start."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

Settings = TypeVar("Settings")

MAX_PORT = 65535

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class SettingInvalidError(ValueError):
    """Means that an environment variable has a value that cannot be used."""


@dataclasses.dataclass(frozen=True)
class SettingSpec:
    """Describes one setting for readers and documentation."""

    variable: str
    help: str
    minimum: float | None = None
    maximum: float | None = None


def setting(
    variable: str,
    help: str,
    *,
    default: Any,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """Declares a dataclass field that an environment variable sets."""
    spec = SettingSpec(variable, help, minimum, maximum)
    return dataclasses.field(default=default, metadata={"setting": spec})


def setting_specs(settings_type: type[object]) -> Iterator[tuple[SettingSpec, object]]:
    """Yields the description and default of every setting of a dataclass."""
    for field in dataclasses.fields(settings_type):  # type: ignore[arg-type]
        yield field.metadata["setting"], field.default


def read_settings(
    settings_type: type[Settings], environ: Mapping[str, str] | None = None
) -> Settings:
    """Builds a settings dataclass from the environment.

    Raises SettingInvalidError, naming the variable, when a value does not parse or
    is outside its bounds.
    """
    environ = os.environ if environ is None else environ
    types = get_type_hints(settings_type)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(settings_type):  # type: ignore[arg-type]
        spec: SettingSpec = field.metadata["setting"]
        text = environ.get(spec.variable, "").strip()
        if text:
            values[field.name] = _parse(spec, types[field.name], text)
    return settings_type(**values)


def _parse(spec: SettingSpec, kind: type[object], text: str) -> object:
    try:
        value = _PARSERS[kind](text)
    except ValueError as error:
        raise SettingInvalidError(
            f"{spec.variable}={text!r} is not a valid {kind.__name__}: {spec.help}"
        ) from error
    if spec.minimum is not None and value < spec.minimum:
        raise SettingInvalidError(f"{spec.variable}={text} must be at least {spec.minimum:g}")
    if spec.maximum is not None and value > spec.maximum:
        raise SettingInvalidError(f"{spec.variable}={text} must be at most {spec.maximum:g}")
    return value


def _parse_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def check_choice(variable: str, value: str, choices: Sequence[str]) -> None:
    """Raises SettingInvalidError unless a value is one of several."""
    if value not in choices:
        raise SettingInvalidError(f"{variable}={value} must be one of {', '.join(choices)}.")


def _parse_bool(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError(text)


_PARSERS: dict[type[object], Callable[[str], Any]] = {
    str: str,
    int: int,
    float: _parse_float,
    bool: _parse_bool,
    Path: lambda text: Path(text).expanduser(),
}
