"""Data files: rows of `messages` and `images`, the form that LLaMA-Factory calls sharegpt/OpenAI.

[{"messages": [{"role": "user", "content": "<image>What is this?"},
               {"role": "assistant", "content": "A hammer."}],
  "images": ["hammer.jpg"]}]

Each `<image>` stands for the next picture of `images`. A file is a JSON list, or JSON Lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Never

PLACEHOLDER = "<image>"
THOUGHT_START, THOUGHT_END = "<think>", "</think>"
UNSUPPORTED = ("videos", "audios", "tools", "system", "chosen", "rejected")


class RowError(ValueError):
    """Means that a row cannot be learnt from; its message names file, row and remedy."""


@dataclass(frozen=True)
class Turn:
    """One message. An answer may come with the thought before it."""

    role: str
    content: str
    thought: str | None = None


@dataclass(frozen=True)
class Row:
    """One conversation and its pictures, in the order of their placeholders.

    `place` names the row in errors. Turns alternate between user and assistant, behind at most
    one system turn, and end with the assistant.
    """

    place: str
    turns: tuple[Turn, ...]
    images: tuple[Path, ...]

    def refuse(self, reason: str) -> Never:
        raise RowError(f"{self.place}: {reason}")


def read_rows(file: Path, images: Path | None = None) -> list[Row]:
    """All rows of a file; pictures lie relative to the folder `images`, or to the file's own.

    Raises RowError for the first row that is not of the form, OSError if the file is not readable.
    """
    folder = file.parent if images is None else images
    rows = [parse_row(f"{file}, row {n}", value, folder) for n, value in raw_rows(file)]
    if not rows:
        raise RowError(f"{file}: holds no rows; write at least one.")
    return rows


def raw_rows(file: Path) -> Iterator[tuple[int, Any]]:
    """Numbers, from 1, and values of the rows as they stand in the file."""
    text = file.read_text("utf-8")
    if file.suffix == ".jsonl":
        lines = enumerate(text.splitlines(), start=1)
        yield from ((n, parse_json(f"{file}, line {n}", line)) for n, line in lines if line.strip())
        return
    value = parse_json(str(file), text)
    if not isinstance(value, list):
        raise RowError(f"{file}: is not a list; put [ and ] around the rows, or name it .jsonl.")
    yield from enumerate(value, start=1)


def parse_json(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise RowError(f"{place}: is not JSON ({error}); mend the file.") from error


def parse_row(place: str, value: Any, folder: Path) -> Row:
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        raise RowError(
            f'{place}: is not an object with a list "messages"; write '
            '{"messages": [{"role": "user", "content": ...}, ...], "images": [...]}.'
        )
    for key in UNSUPPORTED:
        if value.get(key):
            raise RowError(f'{place}: "{key}" is not supported; leave it out.')
    turns = tuple(parse_turn(place, n, turn) for n, turn in enumerate(value["messages"], start=1))
    row = Row(place, turns, parse_images(place, value.get("images") or [], folder))
    check_order(row)
    check_placeholders(row)
    return row


def parse_turn(place: str, number: int, value: Any) -> Turn:
    place = f"{place}, message {number}"
    role, content = (value.get("role"), value.get("content")) if isinstance(value, dict) else (0, 0)
    if not isinstance(role, str) or not isinstance(content, str):
        raise RowError(f'{place}: needs "role" and "content", both strings.')
    if role not in ("system", "user", "assistant"):
        raise RowError(f"{place}: role {role!r} is unknown; use system, user or assistant.")
    if not content.strip():
        raise RowError(f"{place}: is empty; write something or leave the row out.")
    return Turn(role, *split_thought(content)) if role == "assistant" else Turn(role, content)


def split_thought(content: str) -> tuple[str, str | None]:
    """An answer, and the thought that may stand before it in `<think>` and `</think>`."""
    before, found, answer = content.partition(THOUGHT_END)
    if not found or not before.lstrip().startswith(THOUGHT_START):
        return content.strip(), None
    return answer.strip(), before.lstrip().removeprefix(THOUGHT_START).strip() or None


def parse_images(place: str, value: Any, folder: Path) -> tuple[Path, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise RowError(f'{place}: "images" must be a list of file names.')
    for name in value:
        if "://" in name:
            raise RowError(f"{place}: {name!r} is an address; download it and name the file.")
        if not (folder / name).is_file():
            raise RowError(f"{place}: there is no file {folder / name}; mend the name.")
    return tuple(folder / name for name in value)


def check_order(row: Row) -> None:
    roles = [turn.role for turn in row.turns]
    if roles[:1] == ["system"]:
        roles = roles[1:]
    wanted = cycle(("user", "assistant"))
    if len(roles) % 2 or not roles or any(a != b for a, b in zip(roles, wanted, strict=False)):
        row.refuse(
            "roles must be user, assistant, user, assistant ... behind at most one system "
            "message, and end with assistant; reorder or join messages."
        )


def check_placeholders(row: Row) -> None:
    for number, turn in enumerate(row.turns, start=1):
        if turn.role != "user" and PLACEHOLDER in turn.content:
            row.refuse(f"message {number} of {turn.role} holds {PLACEHOLDER}; move it to a user's.")
    count = sum(turn.content.count(PLACEHOLDER) for turn in row.turns)
    if count != len(row.images):
        row.refuse(
            f"{count} times {PLACEHOLDER} for {len(row.images)} images; write it once where each "
            "picture belongs."
        )
