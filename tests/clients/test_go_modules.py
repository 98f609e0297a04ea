"""The way in which the Go client is built where Debian's packages are missing."""

import os
import shutil
import subprocess

import pytest

from tests.clients.command_line import CLIENTS

# Empty parentheses are what `go mod tidy` takes out, without asking any network.
GO_MOD = "module sightline/ask\n\ngo 1.19\n\nrequire ()\n"


@pytest.mark.toolchain
@pytest.mark.skipif(shutil.which("go") is None, reason="needs go")
def test_building_with_modules_writes_no_tracked_file(tmp_path):
    tracked = {"go.mod": GO_MOD, "ask.go": "package main\n\nfunc main() {}\n"}
    for name, text in tracked.items():
        (tmp_path / name).write_text(text)
    shutil.copy(CLIENTS / "go" / "build.sh", tmp_path)
    generates_nothing = tmp_path / "bin" / "protoc"
    generates_nothing.parent.mkdir()
    generates_nothing.symlink_to("/bin/true")
    path = f"{generates_nothing.parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "DEBIAN_GOCODE": "/nowhere", "GOPROXY": "off"}
    subprocess.run([tmp_path / "build.sh"], check=True, env=environment)
    assert {name: (tmp_path / name).read_text() for name in tracked} == tracked
    assert not (tmp_path / "go.sum").exists()
    assert (tmp_path / "build" / "ask").exists()
