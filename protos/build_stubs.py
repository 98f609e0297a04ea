"""Compiles the .proto files into typed Python stubs below gen/."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
OUTPUT = ROOT / "gen"
WELL_KNOWN_TYPES = Path(protoc.__file__).parent / "_proto"


def main() -> None:
    """Compiles every .proto file; raises SystemExit when one does not compile."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    compile_stubs(sorted(str(path) for path in (ROOT / "sightline").rglob("*.proto")))
    mark_typed()


def compile_stubs(files: list[str]) -> None:
    scripts = Path(sys.executable).parent
    arguments = [
        "protoc",
        f"-I{ROOT}",
        f"-I{WELL_KNOWN_TYPES}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={OUTPUT}",
        f"--pyi_out={OUTPUT}",
        f"--grpc_python_out={OUTPUT}",
        f"--mypy_grpc_out={OUTPUT}",
        *files,
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc refused the files above")


def mark_typed() -> None:
    for folder in OUTPUT.glob("sightline/*/v1"):
        (folder / "py.typed").touch()


class StubsBuildHook(BuildHookInterface[Any]):
    """Runs the compiler before a wheel or an editable install is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        main()


if __name__ == "__main__":
    main()
