"""Every GPU benchmark runs, shrunken, on a machine without a GPU."""

import importlib
import json

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


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_full_configuration_asks_for_a_gpu(tmp_path, capsys):
    command = importlib.import_module("benchmarks.gpu.decode")
    with pytest.raises(SystemExit):
        command.main(["--output", str(tmp_path)])
    assert "try --tiny" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
