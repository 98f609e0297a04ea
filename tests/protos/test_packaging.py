"""How the compiled stubs reach an environment."""

import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_editable, build_wheel

MANIFEST = Path(__file__).parents[2] / "protos" / "pyproject.toml"
STUB = "sightline/type/v1/tensor_pb2.py"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The distribution with one compiled stub; the compiler itself is not run."""
    (tmp_path / "pyproject.toml").write_bytes(MANIFEST.read_bytes())
    stub = tmp_path / "gen" / STUB
    stub.parent.mkdir(parents=True)
    stub.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HATCH_BUILD_NO_HOOKS", "true")
    return tmp_path


def files(folder, name):
    with zipfile.ZipFile(folder / name) as wheel:
        return {path: wheel.read(path).decode() for path in wheel.namelist()}


def test_an_editable_install_reads_stubs_where_they_are_compiled(project):
    # A copy would come first on the path and grow stale.
    installed = files(project, build_editable(str(project)))
    assert not [path for path in installed if path.endswith(".py")]
    assert str(project / "gen") in {text.strip() for text in installed.values()}


def test_a_wheel_holds_the_stubs(project):
    assert STUB in files(project, build_wheel(str(project)))
