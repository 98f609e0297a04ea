"""Compiler and cache."""

import ctypes

import pytest
from sightline_generator.native import library as module
from sightline_generator.native.library import CompilationError, library

from tests.generator.native.compiled import compiled

SMALL = 'extern "C" long panel_width() { return 8; }'


@pytest.fixture(autouse=True)
def fresh_library(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Little and unoptimised, it is there at once; the kernels themselves are compiled elsewhere.
    small = tmp_path / "kernels.cpp"
    small.write_text(SMALL)
    monkeypatch.setattr(module, "SOURCE", small)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module, "COMPILE", ("-std=c++20", "-fPIC"))
    library.cache_clear()
    yield
    library.cache_clear()


def kept(tmp_path):
    return list((tmp_path / "cache" / "sightline").iterdir())


def test_without_a_compiler_there_are_no_kernels(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    with pytest.raises(CompilationError, match="no C\\+\\+ compiler"):
        library()


def test_a_compiler_that_fails_is_a_refusal(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(CompilationError, match="cannot compile"):
        library()


@compiled
def test_the_second_start_compiles_nothing(tmp_path, monkeypatch):
    assert library().panel_width() > 0
    library.cache_clear()
    monkeypatch.setattr(module, "_run", lambda *command: pytest.fail(f"{command} was run"))
    assert library().panel_width() > 0
    assert len(kept(tmp_path)) == 1


@compiled
def test_a_damaged_library_is_compiled_again(tmp_path):
    library()
    library.cache_clear()
    (path,) = kept(tmp_path)
    path.unlink()
    path.write_bytes(b"no library")
    assert library().panel_width() > 0
    assert ctypes.CDLL(str(path)).panel_width() > 0


@compiled
def test_other_options_are_another_library(tmp_path, monkeypatch):
    library()
    library.cache_clear()
    monkeypatch.setattr(module, "COMPILE", (*module.COMPILE, "-DOTHER"))
    library()
    assert len(kept(tmp_path)) == 2


@compiled
def test_other_sources_are_another_library(tmp_path):
    library()
    library.cache_clear()
    module.SOURCE.write_text(SMALL.replace("8", "16"))
    assert library().panel_width() == 16
    assert len(kept(tmp_path)) == 2


@compiled
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "cache").write_text("a file in the folder's place")
    assert library().panel_width() > 0
