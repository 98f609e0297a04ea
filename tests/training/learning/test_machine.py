from __future__ import annotations

import resource
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from training.build import MODEL_FOLDER
from training.learning.dataset import POOL, BatchPools
from training.learning.machine import allow_open_files, fitting_workers
from training.learning.stage import CURRICULUM, Stage
from training.processing import Processor
from training.world.scene import Limits


class Usage(NamedTuple):
    free: int


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with room for a thousand bytes."""
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free=1000))
    return tmp_path


@pytest.mark.parametrize(("wanted", "fitting"), [(0, 0), (2, 2), (4, 3), (14, 3)])
def test_no_more_processes_draw_than_shared_memory_holds(
    shared: Path, wanted: int, fitting: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fitting_workers(wanted, 300, shared) == fitting
    assert ("--shm-size" in capsys.readouterr().out) == (fitting < wanted)


def test_where_nothing_is_shared_by_files_all_may_draw(tmp_path: Path) -> None:
    assert fitting_workers(14, 300, tmp_path / "none") == 14


def test_as_many_files_may_be_open_as_are_allowed() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    allow_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


def test_a_pool_is_not_larger_than_is_reckoned_with() -> None:
    stage = Stage(0, Limits(), talks=1, look_share=0.25)
    pools = BatchPools(Processor.load(MODEL_FOLDER), (stage,), 4, seed=0)
    assert CURRICULUM[-1].limits == stage.limits
    pool = pools[0]
    held = sum(getattr(batch, name).nbytes for batch in pool for name in vars(batch))
    assert len(pool) == POOL
    assert held < pools.most_bytes() / 2
