"""A real PostgreSQL of a test session's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

# PostgreSQL refuses to run as root; Debian's package brings this user.
ACCOUNT = "postgres" if os.geteuid() == 0 else None


class RunningPostgres:
    """A server on a Unix socket, with a new database for whoever asks."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._numbers = count(1)

    def start(self) -> None:
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", "sightline", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {self._folder} -h '' -F"
        self._run("pg_ctl", "-D", data, "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._folder / "data", "-w", "-m", "immediate", "stop")

    def new_url(self) -> str:
        """Creates an empty database and returns its SQLAlchemy URL."""
        name = f"test_{next(self._numbers)}"
        self._run("createdb", "-h", self._folder, "-U", "sightline", name)
        return f"postgresql+asyncpg://sightline@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, user=ACCOUNT, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def running_postgres() -> Iterator[RunningPostgres]:
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    folder = Path(tempfile.mkdtemp(prefix="sightline-postgres-"))
    if ACCOUNT is not None:
        shutil.chown(folder, ACCOUNT)
    server = RunningPostgres(programs, folder)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


def _programs() -> Path | None:
    """Finds the server's programs, which Debian keeps off the PATH."""
    on_path = [Path(folder) for folder in os.get_exec_path()]
    folders = [*on_path, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return next((folder for folder in folders if _is_complete(folder)), None)


def _is_complete(folder: Path) -> bool:
    return all((folder / program).exists() for program in ("initdb", "pg_ctl", "createdb"))
