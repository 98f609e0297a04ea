"""Typed access to a JSON object's members; null counts as absent."""

from __future__ import annotations

from dataclasses import dataclass

from sightline_web.openai.errors import ApiError
from sightline_web.openai.strict_json import Json

INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Fields:
    """A JSON object and its place in the request. Every method raises ApiError."""

    members: dict[str, Json]
    path: str = ""

    @classmethod
    def of(cls, value: Json, path: str = "") -> Fields:
        if not isinstance(value, dict):
            raise wrong_type(path, "an object")
        return cls(value, path)

    def name(self, key: str) -> str:
        """Returns the member's full name, as `param` gives it."""
        return f"{self.path}.{key}" if self.path else key

    def get(self, key: str) -> Json:
        return self.members.get(key)

    def required(self, key: str) -> Json:
        value = self.members.get(key)
        if value is None:
            name = self.name(key)
            raise ApiError(f"{name} is missing.", code="missing_required_parameter", param=name)
        return value

    def text(self, key: str) -> str | None:
        value = self.get(key)
        if value is not None and not isinstance(value, str):
            raise wrong_type(self.name(key), "a string")
        return value

    def boolean(self, key: str) -> bool | None:
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            raise wrong_type(self.name(key), "true or false")
        return value

    def number(self, key: str, minimum: float, maximum: float) -> float | None:
        value = self.get(key)
        if value is None:
            return None
        return number(value, self.name(key), minimum, maximum)

    def integer(self, key: str, minimum: int, maximum: int = INT32_MAX) -> int | None:
        value = self.get(key)
        if value is None:
            return None
        return integer(value, self.name(key), minimum, maximum)

    def array(self, key: str) -> list[Json] | None:
        value = self.get(key)
        if value is not None and not isinstance(value, list):
            raise wrong_type(self.name(key), "a list")
        return value

    def object(self, key: str) -> Fields | None:
        value = self.get(key)
        return None if value is None else Fields.of(value, self.name(key))


def number(value: Json, name: str, minimum: float, maximum: float) -> float:
    """Returns a finite number within bounds, both included."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(name, "a number")
    return float(_bounded(value, name, minimum, maximum))


def integer(value: Json, name: str, minimum: int, maximum: int) -> int:
    """Returns a whole number within bounds, both included."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "a whole number")
    return int(_bounded(value, name, minimum, maximum))


def _bounded(value: int | float, name: str, minimum: float, maximum: float) -> int | float:
    if not minimum <= value <= maximum:
        raise ApiError(
            f"{name} must be from {minimum} to {maximum}.", code="value_out_of_range", param=name
        )
    return value


def wrong_type(name: str, wanted: str) -> ApiError:
    """Says what a value should have been."""
    subject = name or "The request's body"
    return ApiError(f"{subject} must be {wanted}.", code="invalid_type", param=name or None)
