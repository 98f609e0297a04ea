"""A contestant: what is started, with which settings, and how it is asked.

Each is described by a file in `benchmarks/peers/`, so that the settings that it ran
with can be read, and improved, by those who know it best.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

PEERS = Path(__file__).parent / "peers"
KINDS = ("server", "batch")


@dataclass(frozen=True)
class Contestant:
    """A server under measurement, or (`kind` is batch) a program that answers one static batch.

    In `command`, `variables`, `prepare` and `request` these names stand for values: `$model`
    (its folder), `$name`, `$port` (`$port_1` and `$port_2` are two more), `$environment` (a
    folder), `$python` (that environment's), `$peers` (this description's folder), `$work` (a
    folder to write to), `$cores` (how many), `$core_list` (which), and, in `request` alone,
    `$answer_tokens`.

    `settings` says in words why it runs so; `sequential` that it answers one request after
    the other; `images` whether it takes pictures.
    """

    name: str
    title: str
    settings: str
    environment: str
    command: tuple[str, ...]
    kind: str = "server"
    images: bool = True
    sequential: bool = False
    ready: str = "/health"
    variables: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[tuple[str, ...], ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.name}: kind must be one of {', '.join(KINDS)}")


def read_contestant(path: Path) -> Contestant:
    """Reads a contestant's file; raises ValueError or TypeError when it is not one.

    A file may say `like = "other"`: it then only says what differs from `other.toml`.
    """
    values = _values(path)
    values["command"] = tuple(values["command"])
    values["prepare"] = tuple(tuple(step) for step in values.get("prepare", ()))
    return Contestant(name=path.stem, **values)


def _values(path: Path) -> dict[str, Any]:
    values = tomllib.loads(path.read_text("utf-8"))
    if "like" not in values:
        return values
    other = _values(path.with_name(f"{values.pop('like')}.toml"))
    variables = {**other.get("variables", {}), **values.get("variables", {})}
    return {**other, **values, "variables": variables}


def all_contestants() -> dict[str, Contestant]:
    """Returns every contestant that is described, by name."""
    return {path.stem: read_contestant(path) for path in sorted(PEERS.glob("*.toml"))}


def filled(template: str, values: Mapping[str, object]) -> str:
    """Puts values in the place of `$names`; raises KeyError for one that is unknown."""
    return Template(template).substitute(values)


def request_fields(
    contestant: Contestant, answer_tokens: int, values: Mapping[str, object]
) -> dict[str, Any]:
    """Returns what makes this server answer with exactly so many tokens."""
    known = {**values, "answer_tokens": answer_tokens}
    return {
        key: filled(value, known) if isinstance(value, str) else value
        for key, value in contestant.request.items()
    }


def cores() -> list[int]:
    """Returns the cores that this process, and what it starts, may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
