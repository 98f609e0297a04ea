"""Runs every GPU benchmark, each in a process of its own so that memory is clean."""

from __future__ import annotations

import subprocess
import sys
import time

COMMANDS = ("memory", "decode", "prefill", "attention", "image")


def main() -> int:
    """Passes its arguments on and runs all; returns the first exit code that is not zero."""
    codes = [_run(name) for name in COMMANDS]
    return next(filter(None, codes), 0)


def _run(name: str) -> int:
    print(f"\n## {name}\n", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", f"benchmarks.gpu.{name}", *sys.argv[1:]]
    code = subprocess.run(command, check=False).returncode
    print(f"\n{name}: exit code {code} after {time.monotonic() - began:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
