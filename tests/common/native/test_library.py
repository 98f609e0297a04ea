"""Compiler and cache."""

import ctypes
import tempfile

import pytest
from sightline_common.native import library as module
from sightline_common.native.library import CompilationError
from sightline_common.native.library import compiled as library_of

from tests.common.native.compiled import compiled

SMALL = '#include "width.h"\nextern "C" long panel_width() { return kWidth; }'
WIDTH = "constexpr long kWidth = 8;"


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    headers = tmp_path / "headers"
    headers.mkdir()
    (headers / "width.h").write_text(WIDTH)
    # Little and unoptimised, it is there at once; the kernels themselves are compiled elsewhere.
    small = tmp_path / "kernels.cpp"
    small.write_text(SMALL)
    monkeypatch.setattr(module, "HEADERS", headers)
    monkeypatch.setattr(module, "COMPILE", ("-std=c++20", "-fPIC"))
    return small


def anew(source):
    """Returns what the next start would load."""
    return library_of.__wrapped__(source)


def kept(tmp_path):
    return list((tmp_path / "cache" / "sightline").iterdir())


def test_without_a_compiler_there_are_no_kernels(source, monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(CompilationError, match="no C\\+\\+ compiler"):
        anew(source)


def test_a_compiler_that_fails_is_a_refusal(source, monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(CompilationError, match="cannot compile"):
        anew(source)


@compiled
def test_the_reason_is_the_compilers_own(source):
    source.write_text("no C++\n")
    with pytest.raises(CompilationError, match=r"cannot compile the kernels: .*: error: "):
        anew(source)


@compiled
def test_without_a_temporary_folder_there_are_no_kernels(source, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(CompilationError, match="no folder to compile in"):
        anew(source)


@compiled
def test_the_second_start_compiles_nothing(source, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    assert anew(source).panel_width() > 0
    assert [record.getMessage() for record in caplog.records] == ["compiling kernels"]
    monkeypatch.setattr(module, "_run", lambda *command: pytest.fail(f"{command} was run"))
    assert anew(source).panel_width() > 0
    assert len(kept(tmp_path)) == 1


@compiled
def test_nothing_is_left_where_it_was_compiled_when_it_is_kept(source, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(folder))
    anew(source)
    assert not list(folder.iterdir())


@compiled
def test_a_damaged_library_is_compiled_again(source, tmp_path):
    anew(source)
    (path,) = kept(tmp_path)
    path.unlink()
    path.write_bytes(b"no library")
    assert anew(source).panel_width() > 0
    assert ctypes.CDLL(str(path)).panel_width() > 0


@compiled
def test_other_options_are_another_library(source, tmp_path, monkeypatch):
    anew(source)
    monkeypatch.setattr(module, "COMPILE", (*module.COMPILE, "-DOTHER"))
    anew(source)
    assert len(kept(tmp_path)) == 2


@compiled
def test_other_sources_are_another_library(source, tmp_path):
    anew(source)
    source.write_text(SMALL.replace("kWidth;", "2 * kWidth;"))
    assert anew(source).panel_width() == 16
    assert len(kept(tmp_path)) == 2


@compiled
def test_other_headers_are_another_library(source, tmp_path):
    anew(source)
    (module.HEADERS / "width.h").write_text(WIDTH.replace("8", "4"))
    assert anew(source).panel_width() == 4
    assert len(kept(tmp_path)) == 2


@compiled
def test_a_process_loads_a_library_once(source):
    assert library_of(source) is library_of(source)


@compiled
def test_a_cache_that_cannot_be_written_is_done_without(source, tmp_path):
    (tmp_path / "cache").write_text("a file in the folder's place")
    assert anew(source).panel_width() > 0


@compiled
def test_a_full_disk_leaves_nothing_in_the_cache(source, tmp_path, monkeypatch):
    def fill(_linked, target):
        target.write_bytes(b"half")
        raise OSError("no space left on the device")

    monkeypatch.setattr(module.shutil, "copyfile", fill)
    assert anew(source).panel_width() > 0
    assert not kept(tmp_path)
