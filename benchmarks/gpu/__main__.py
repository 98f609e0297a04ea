"""Runs every GPU benchmark, each in a process of its own so that memory is clean."""

from __future__ import annotations

import subprocess
import sys

COMMANDS = ("memory", "decode", "prefill", "attention", "image")


def main() -> int:
    """Passes its arguments on; returns the first exit code that is not zero."""
    for name in COMMANDS:
        print(f"\n## {name}\n", flush=True)
        command = [sys.executable, "-m", f"benchmarks.gpu.{name}", *sys.argv[1:]]
        code = subprocess.run(command, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
