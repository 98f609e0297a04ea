from __future__ import annotations

import json
from datetime import UTC, datetime

from benchmarks.run import Run

MOMENT = datetime(2026, 11, 25, tzinfo=UTC)


def test_report_says_what_repeats_it_and_keeps_raw_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["program", "--rounds", "2"])

    Run("benchmarks.cache_bounds", moment=MOMENT).write(tmp_path, "Bounds", "| a |", {"raw": [1]})

    page = (tmp_path / "2026-11-25-cache-bounds.md").read_text()
    facts = json.loads((tmp_path / "2026-11-25-cache-bounds.json").read_text())
    assert page == capsys.readouterr().out.removesuffix("\n")
    assert page.startswith("# Bounds, 2026-11-25\n\n`python -m benchmarks.cache_bounds --rounds 2`")
    assert facts["command"] == "python -m benchmarks.cache_bounds --rounds 2"
    assert facts["raw"] == [1]
    assert facts["machine"]["cores"] >= 1


def test_forms_of_a_benchmark_have_reports_of_their_own():
    stems = [Run("benchmarks.tiling", form, MOMENT).stem for form in ("", "answers")]

    assert stems == ["2026-11-25-tiling", "2026-11-25-tiling-answers"]
