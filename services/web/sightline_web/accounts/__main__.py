"""Keeps a password file: `python -m sightline_web.accounts add FILE NAME [--operator]`."""

from __future__ import annotations

import argparse
import getpass
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from argon2 import PasswordHasher

from sightline_web.accounts.password_file import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    Entry,
    checked_name,
    read_entries,
    write_entries,
)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    try:
        if asked.action == "add":
            add(asked.file, asked.name, _password(), is_operator=asked.operator)
        else:
            remove(asked.file, asked.name)
    except (ValueError, OSError) as error:
        sys.exit(f"sightline_web.accounts: {error}")


def add(path: Path, name: str, password: str, *, is_operator: bool) -> None:
    """Adds a person, or gives them another password and role; makes the file if there is none."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise ValueError(
            f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters"
        )
    entries = read_entries(path.read_text("utf-8")) if path.exists() else {}
    password_hash = PasswordHasher().hash(unicodedata.normalize("NFC", password))
    entry = Entry(checked_name(name), password_hash, is_operator)
    write_entries(path, {**entries, entry.name: entry})


def remove(path: Path, name: str) -> None:
    """Takes a person out; their sessions and keys end with it, their conversations stay."""
    entries = read_entries(path.read_text("utf-8"))
    if entries.pop(checked_name(name), None) is None:
        raise ValueError(f"{name} is not in {path}")
    write_entries(path, entries)


def _password() -> str:
    """Asks twice at a terminal; elsewhere reads one line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise ValueError("the two passwords differ")
    return password


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m sightline_web.accounts", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="adds a person, or changes password and role")
    removing = actions.add_parser("remove", help="takes a person out")
    for action in (adding, removing):
        action.add_argument("file", type=Path)
        action.add_argument("name")
    adding.add_argument("--operator", action="store_true", help="may see the operators' page")
    return parser


if __name__ == "__main__":
    main()
