import subprocess

from benchmarks import environments
from benchmarks.environments import Environment, set_up, without_torch


def test_torch_and_what_only_extras_need_is_left_out():
    requirements = [
        "numpy",
        "torch==2.13.0+cpu; platform_machine == 'x86_64'",
        "torchvision; platform_machine != 'riscv64'",
        'pandas; extra == "bench"',
        "fastapi[standard]<0.137.0,>=0.133.0",
    ]
    assert without_torch(requirements) == ["numpy", "fastapi[standard]<0.137.0,>=0.133.0"]


def test_peer_that_cannot_be_installed_is_named_with_the_reason(monkeypatch, tmp_path, capsys):
    def refuse(_environment):
        raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(Environment, "create", lambda _: None)
    monkeypatch.setitem(environments.INSTALLERS, "peer", refuse)
    assert not set_up("peer", tmp_path)
    assert "peer cannot be set up here" in capsys.readouterr().out


def test_peer_is_set_up_once(monkeypatch, tmp_path):
    installed = []
    (tmp_path / "peer").mkdir()
    monkeypatch.setattr(Environment, "create", lambda _: None)
    monkeypatch.setitem(environments.INSTALLERS, "peer", installed.append)
    assert set_up("peer", tmp_path)
    assert set_up("peer", tmp_path)
    assert len(installed) == 1
