"""Kernels as a library that was compiled for this machine."""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

HEADERS = Path(__file__).parent
"""What all libraries may include."""
COMPILE = (
    "-std=c++20",
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fPIC",
    "-fopenmp-simd",
    "-pthread",
)
COMPILE_TIMEOUT_S = 120.0
_logger = logging.getLogger(__name__)


class CompilationError(RuntimeError):
    """Means that the kernels cannot be had on this machine."""


@cache
def compiled(source: Path, *options: str) -> ctypes.CDLL:
    """Loads what `built` returns, once a process; raises CompilationError."""
    return ctypes.CDLL(str(built(source, *options)))


def built(source: Path, *options: str) -> Path:
    """Returns the library that a source file compiles to, from the last start if it can.

    It can be loaded as long as this process lives. `options` of the compiler come behind
    those of all kernels. Raises CompilationError.
    """
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        raise CompilationError("there is no C++ compiler")
    command = (compiler, *COMPILE, *options)
    kept = _cache_folder() / f"kernels-{_fingerprint(command, source)}.so"
    return _compile(command, source, kept) if _refusal(kept) else kept


def _compile(command: Sequence[str], source: Path, kept: Path) -> Path:
    _logger.info("compiling kernels", extra={"fields": {"source": source.name}})
    folder = _temporary_folder()
    parts, linked = Path(folder.name, "kernels.o"), Path(folder.name, "kernels.so")
    _run(*command, f"-I{HEADERS}", "-c", str(source), "-o", str(parts))
    _run(command[0], "-shared", "-pthread", str(parts), "-o", str(linked))
    if _keep(linked, kept) and not _refusal(kept):
        folder.cleanup()
        return kept
    if refusal := _refusal(linked):
        raise CompilationError(f"the compiled kernels cannot be loaded: {refusal}")
    return linked


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Makes a folder that goes when the process ends, if not before; raises CompilationError."""
    try:
        folder = tempfile.TemporaryDirectory()
    except OSError as error:
        raise CompilationError(f"there is no folder to compile in: {error}") from error
    atexit.register(folder.cleanup)
    return folder


def _refusal(library: Path) -> str:
    """Returns why a library cannot be loaded; empty if it can."""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return ""


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=COMPILE_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        complaint = _complaint(error)
        raise CompilationError(f"{command[0]} cannot compile the kernels: {complaint}") from error


def _complaint(error: OSError | subprocess.SubprocessError) -> str:
    """Returns the compiler's first error, where there is one; its command fills a page."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it takes more than {COMPILE_TIMEOUT_S:g} s"
    if not isinstance(error, subprocess.CalledProcessError):
        return str(error)
    lines = error.stderr.decode(errors="replace").splitlines()
    return next((line for line in lines if "error" in line), f"exit code {error.returncode}")


def _keep(linked: Path, kept: Path) -> bool:
    """Leaves the library to the next start; false where the cache cannot be written to."""
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            shutil.copyfile(linked, Path(folder, kept.name)).replace(kept)
    except OSError:
        return False
    return True


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline"


def _fingerprint(command: Sequence[str], source: Path) -> str:
    """Names sources, compiler and processor: what the library depends on."""
    compiler, *options = command
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    files = [*sorted(source.parent.glob("*.h")), *sorted(HEADERS.glob("*.h")), source]
    sources = [path.read_bytes() for path in files]
    parts = [*sources, version, " ".join(options).encode(), _processor().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> str:
    """Returns what `-march=native` looks at, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    kinds = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(kinds)}))
