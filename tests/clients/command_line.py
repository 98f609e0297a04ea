"""The clients' command lines: how each is built and started, and what it said."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
BUILD_TIMEOUT_S = 900
TIMEOUT_S = 180


@dataclass
class Outcome:
    """What a client wrote, and its exit status."""

    answer: str
    notes: list[str]
    status: int


@dataclass
class CommandLine:
    """A client that can be started."""

    command: list[str]

    def ask(self, target, question, *flags):
        """Asks, waits for the end, and returns what came of it."""
        done = subprocess.run(
            [*self.command, "--target", target, *flags, question],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        return Outcome(done.stdout.strip(), done.stderr.splitlines(), done.returncode)


@dataclass
class Toolchain:
    """What a client needs of the machine, how it is built, and how it is started then."""

    programs: list[str]
    build: list[str]
    command: list[str]
    files: tuple[str, ...] = ()

    def missing(self):
        """Returns what the machine lacks."""
        programs = [name for name in self.programs if shutil.which(name) is None]
        return programs + [path for path in self.files if not Path(path).exists()]


TOOLCHAINS = {
    "node": Toolchain(
        ["node", "npm"],
        ["npm", "ci", "--prefix", "clients/node", "--silent"],
        ["node", "clients/node/ask.js"],
    ),
    "go": Toolchain(
        ["go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc"],
        ["clients/go/build.sh"],
        ["clients/go/build/ask"],
        ("/usr/share/gocode/src/google.golang.org/grpc",),
    ),
    "cpp": Toolchain(
        ["cmake", "c++", "protoc", "grpc_cpp_plugin"],
        ["clients/cpp/build.sh"],
        ["clients/cpp/build/ask"],
        ("/usr/include/grpcpp/grpcpp.h",),
    ),
    "java": Toolchain(
        ["javac", "protoc", "grpc_java_plugin"],
        ["clients/java/build.sh"],
        ["clients/java/build/ask"],
        ("/usr/share/java/grpc-netty.jar",),
    ),
}


def python_client():
    """The Python client, which needs no building."""
    return CommandLine([sys.executable, "-m", "sightline.client"])


def built_client(name):
    """Builds a client; skips where the machine lacks its toolchain."""
    toolchain = TOOLCHAINS[name]
    missing = toolchain.missing()
    if missing:
        pytest.skip(f"the {name} client needs {', '.join(missing)}")
    done = subprocess.run(
        toolchain.build, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    program, *arguments = toolchain.command
    found = shutil.which(program) or str(ROOT / program)
    return CommandLine([found, *[str(ROOT / argument) for argument in arguments]])
