"""Every GPU benchmark runs, shrunken, on a machine without a GPU."""

import importlib
import json
from itertools import product
from subprocess import CompletedProcess

import pytest
import torch

from benchmarks.gpu import __main__ as everything

TINY = ["--tiny", "--device", "cpu", "--dtype", "float32", "--rounds", "1"]


@pytest.mark.parametrize("name", everything.COMMANDS)
def test_command_prints_a_table_and_writes_its_rows(name, tmp_path, capsys):
    command = importlib.import_module(f"benchmarks.gpu.{name}")
    command.main([*TINY, "--output", str(tmp_path)])
    report = json.loads((tmp_path / f"gpu-{name}-tiny.json").read_text())
    assert report["environment"]["configuration"] == "tiny"
    assert report["environment"]["torch"] == torch.__version__
    printed = capsys.readouterr().out
    for row in report["rows"]:
        assert None not in row.values()
        assert all(f"| {column} |" in printed for column in row)


def test_decoding_is_measured_with_graphs_and_overlap_and_without(tmp_path):
    command = importlib.import_module("benchmarks.gpu.decode")
    command.main([*TINY, "--output", str(tmp_path)])
    rows = json.loads((tmp_path / "gpu-decode-tiny.json").read_text())["rows"]
    settings = {(row["batch"], row["CUDA graphs"], row["overlap"]) for row in rows}
    switch = ("on", "off")
    assert settings == {(batch, *both) for batch in (1, 2) for both in product(switch, switch)}


def test_one_benchmark_that_fails_does_not_keep_the_others_from_running(monkeypatch):
    asked = []

    def run(command, check):
        asked.append(command[2])
        return CompletedProcess(command, 3 if len(asked) == 2 else 0)

    monkeypatch.setattr("subprocess.run", run)
    assert everything.main() == 3
    assert asked == [f"benchmarks.gpu.{name}" for name in everything.COMMANDS]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_full_configuration_asks_for_a_gpu(tmp_path, capsys):
    command = importlib.import_module("benchmarks.gpu.decode")
    with pytest.raises(SystemExit):
        command.main(["--output", str(tmp_path)])
    assert "try --tiny" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
