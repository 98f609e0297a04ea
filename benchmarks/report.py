"""What was measured, as one table for people and one JSON file for everything else."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.experiment import Measurement
from benchmarks.load import BUSY_SHARE
from benchmarks.measure import median, percentile, table

OURS = "sightline"
QUIET_SHARE = 0.05
"""Contestants that are not asked should take less than this of a core."""
HEADER = (
    "workload",
    "clients",
    "contestant",
    "tokens/s",
    "Sightline is … times as fast",
    "first token, median ms",
    "first token, p99 ms",
    "CPU ms/token",
)


def results_table(measurements: Sequence[Measurement], titles: Mapping[str, str]) -> str:
    """Returns the table: one line a case and contestant, medians over the rounds.

    The ratio is the median of the rounds' own ratios, since a round's turns are neighbours
    in time. Times to first token are taken from all rounds together.
    """
    rows = []
    for case, group in groupby(measurements, key=lambda measurement: measurement.case):
        of_case = list(group)
        ours = next((each for each in of_case if each.contestant == OURS), None)
        for each in of_case:
            name = titles[each.contestant]
            rows.append([case.workload.name, str(case.num_clients), name, *_cells(each, ours)])
    return table(HEADER, rows)


def _cells(measurement: Measurement, ours: Measurement | None) -> list[str]:
    if measurement.failure:
        return ["failed", *[""] * 4]
    turns = measurement.turns
    firsts = [first for turn in turns for first in turn.times_to_first_token_s]
    return [
        f"{median([turn.tokens_per_s for turn in turns]):.0f}",
        f"{speed_ratio(ours, measurement):.2f}" if ours and not ours.failure else "",
        f"{median(firsts) * 1e3:.0f}",
        f"{percentile(firsts, 99) * 1e3:.0f}",
        f"{median([turn.cpu_s_per_token for turn in turns]) * 1e3:.2f}",
    ]


def speed_ratio(ours: Measurement, theirs: Measurement) -> float:
    """Returns the median over rounds of our tokens per second over theirs."""
    rounds = zip(ours.turns, theirs.turns, strict=True)
    return median([a.tokens_per_s / b.tokens_per_s for a, b in rounds])


def warnings(measurements: Sequence[Measurement]) -> list[str]:
    """Says what makes figures doubtful: a busy load generator, busy bystanders, other prompts."""
    found = []
    for each in measurements:
        where = f"{each.contestant}, {each.case.label}"
        if each.failure:
            found.append(f"{where}: failed: {each.failure}")
            continue
        load_share = max(turn.load_cpu_share for turn in each.turns)
        others_share = max(turn.others_cpu_share for turn in each.turns)
        if load_share > BUSY_SHARE:
            found.append(f"{where}: the load generator took {load_share:.0%} of a core")
        if others_share > QUIET_SHARE:
            found.append(f"{where}: servers that were not asked took {others_share:.0%} of a core")
    return found + _prompt_warnings(measurements)


def _prompt_warnings(measurements: Sequence[Measurement]) -> list[str]:
    found = []
    for case, group in groupby(measurements, key=lambda measurement: measurement.case):
        lengths = {each.contestant: _prompt_lengths(each) for each in group if not each.failure}
        if len(set(map(tuple, lengths.values()))) > 1:
            found.append(f"{case.label}: prompts differ in tokens: {lengths}")
    return found


def _prompt_lengths(measurement: Measurement) -> list[int]:
    return sorted({count for turn in measurement.turns for count in turn.prompt_token_counts})


def write_report(folder: Path, stem: str, text: str, facts: Mapping[str, Any]) -> list[Path]:
    """Writes `stem`.md and `stem`.json and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.md", folder / f"{stem}.json"]
    paths[0].write_text(text, "utf-8")
    paths[1].write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return paths


def as_facts(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Returns the measurements as JSON values, every turn with its raw figures."""
    return [dataclasses.asdict(measurement) for measurement in measurements]
