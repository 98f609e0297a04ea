"""Values out of a checkpoint's processor file, each checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightline_common.checkpoint import CheckpointError

MAX_NUMBER = 1e15


@dataclass(frozen=True)
class ProcessorSettings:
    """Reads values by name; absent and empty ones take their default.

    `source` is the file. All methods raise CheckpointError that names it and the value.
    """

    values: Mapping[str, Any]
    source: str

    def number(self, name: str, default: float) -> float:
        """Returns a number above 0."""
        value = self.values.get(name) or default
        if not _is_number(value) or value <= 0:
            raise self._wrong(name, "a number above 0")
        return float(value)

    def whole(self, name: str, default: int) -> int:
        """Returns a whole number above 0."""
        value = self.number(name, default)
        if value != int(value):
            raise self._wrong(name, "a whole number above 0")
        return int(value)

    def channels(self, name: str, default: Sequence[float]) -> tuple[float, ...]:
        """Returns three numbers."""
        values = self.values.get(name) or default
        if not isinstance(values, list | tuple) or len(values) != 3:
            raise self._wrong(name, "a list of three numbers")
        if not all(map(_is_number, values)):
            raise self._wrong(name, "a list of three numbers")
        return tuple(map(float, values))

    def text(self, name: str, default: str) -> str:
        """Returns a string."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def part(self, name: str) -> ProcessorSettings:
        """Returns the settings inside a value."""
        values = self.values.get(name) or {}
        if not isinstance(values, Mapping):
            raise self._wrong(name, "an object")
        return ProcessorSettings(values, f"{name} in {self.source}")

    def _wrong(self, name: str, wanted: str) -> CheckpointError:
        return CheckpointError(
            f"{name} in {self.source} must be {wanted}; correct it, or take the file from where "
            "the model came from."
        )


def _is_number(value: object) -> bool:
    """Tells NaN, infinities and what no setting is from numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -MAX_NUMBER < value < MAX_NUMBER
