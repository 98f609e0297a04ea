"""People and their passwords in a text file.

A line is `name:hash`, or `name:hash:operator`; the hash is argon2's own form, `$argon2id$…`,
which holds its costs and salt. Empty lines and those that begin with `#` mean nothing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from sightline_common.config import SettingInvalidError
from sightline_common.telemetry import log

from sightline_web.accounts.account import MAX_NAME_LENGTH, Account, Proof

SOURCE = "password-file"
OPERATOR = "operator"
MAX_PASSWORD_LENGTH = 1024
MIN_PASSWORD_LENGTH = 8
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One line of the file."""

    name: str
    password_hash: str
    is_operator: bool

    @property
    def account(self) -> Account:
        return Account(SOURCE, self.name, self.name, self.is_operator)

    @property
    def mark(self) -> str:
        """Changes with the password, whose sessions end by it."""
        return hashlib.sha256(self.password_hash.encode()).hexdigest()[:16]

    def line(self) -> str:
        return ":".join([self.name, self.password_hash, *[OPERATOR] * self.is_operator])


class PasswordFile:
    """The file as it is now: a change of it counts at the next request.

    At start a bad line is refused (SettingInvalidError); later it is left out and logged, and
    without a file there is nobody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._version = _version(path)
            self._entries = read_entries(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingInvalidError(f"SIGHTLINE_AUTH: {path}: {error}") from error

    def find(self, name: str) -> Entry | None:
        self._refresh()
        return self._entries.get(unicodedata.normalize("NFC", name))

    def verify(self, name: str, password: str) -> Proof | None:
        """Returns who this is, or None; takes as long for an unknown name as for a known one."""
        entry = self.find(name)
        stranger = _stranger(next((each.password_hash for each in self._entries.values()), ""))
        is_right = _matches(entry.password_hash if entry else stranger, password)
        return Proof(entry.account, entry.mark) if entry and is_right else None

    def _refresh(self) -> None:
        version = _version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            text = self._path.read_text("utf-8")
        except (OSError, ValueError):
            log(_logger, "password file cannot be read", logging.ERROR, path=str(self._path))
            text = ""
        self._entries = read_entries(text, strict=False)


def read_entries(text: str, *, strict: bool = True) -> dict[str, Entry]:
    """Reads a file's lines by name; a bad one raises ValueError, or is logged and left out."""
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            entry = _read_line(line.strip())
            if entry.name in entries:
                raise ValueError("the name was there before")
        except ValueError as error:
            if strict:
                raise ValueError(f"line {number}: {error}") from None
            log(_logger, "password file has a bad line", logging.ERROR, line=number)
            continue
        entries[entry.name] = entry
    return entries


def write_entries(path: Path, entries: Mapping[str, Entry]) -> None:
    """Replaces the file whole; only its owner can read a new one."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{entry.line()}\n" for entry in entries.values())
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def checked_name(name: str) -> str:
    """Returns a name in its one spelling; raises ValueError when it cannot be one."""
    name = unicodedata.normalize("NFC", name)
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        raise ValueError(f"a name has 1 to {MAX_NAME_LENGTH} characters")
    if not name.isprintable() or name != name.strip() or ":" in name or name.startswith("#"):
        raise ValueError("a name is printable, without colons, and does not begin with #")
    return name


def _read_line(line: str) -> Entry:
    name, *rest = line.split(":")
    if len(rest) not in (1, 2) or rest[1:] not in ([], [OPERATOR]):
        raise ValueError(f"it is neither name:hash nor name:hash:{OPERATOR}")
    try:
        extract_parameters(rest[0])
    except InvalidHashError:
        raise ValueError("the hash is not one of argon2") from None
    return Entry(checked_name(name), rest[0], len(rest) == 2)


@lru_cache(maxsize=1)
def _stranger(known: str) -> str:
    """Returns a hash that no password has, as costly as a known one."""
    hasher = PasswordHasher()
    if known:
        hasher = PasswordHasher.from_parameters(extract_parameters(known))
    return hasher.hash(secrets.token_hex())


def _matches(password_hash: str, password: str) -> bool:
    try:
        normal = unicodedata.normalize("NFC", password)
        return PasswordHasher().verify(password_hash, normal)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
