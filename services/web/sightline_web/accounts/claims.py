"""What a provider says of a person, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sightline_web.accounts.account import MAX_NAME_LENGTH

Claims = Mapping[str, object]


@dataclass(frozen=True)
class ClaimRule:
    """A claim that must have a value, or list it: written `groups=staff`."""

    name: str
    value: str

    def holds(self, claims: Claims) -> bool:
        found = claims.get(self.name)
        values = found if isinstance(found, list) else [found]
        return self.value in values or (found is True and self.value == "true")


def read_rule(text: str) -> ClaimRule | None:
    """Reads a rule; nothing is no rule. Raises ValueError."""
    if not text:
        return None
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise ValueError("a rule is like groups=staff")
    return ClaimRule(name, value)


def shown_name(claims: Claims) -> str:
    """Returns a person's name as far as it can be shown; it identifies nobody."""
    for claim in ("name", "preferred_username", "email", "sub"):
        found = claims.get(claim)
        said = "" if found is None else str(found)
        name = "".join(each for each in said if each.isprintable()).strip()
        if name:
            return name[:MAX_NAME_LENGTH]
    return "?"
