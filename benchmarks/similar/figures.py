"""Rates with their intervals, and distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import sqrt

from benchmarks.measure import table
from benchmarks.similar.journeys import JOURNEYS
from benchmarks.similar.trial import KINDS, Trial

Z = 1.959964  # 95 %


def interval(count: int, total: int) -> tuple[float, float]:
    """Returns Wilson's 95 % interval of a rate; (0, 1) without any trial."""
    if not total:
        return 0.0, 1.0
    rate, spread = count / total, Z * Z / total
    middle = rate + spread / 2
    reach = sqrt(spread * (rate * (1 - rate) + spread / 4))
    low, high = ((middle + sign * reach) / (1 + spread) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def rate(count: int, total: int) -> str:
    """Returns a rate as it is printed: "97.5 % (95.1–98.8)"."""
    low, high = interval(count, total)
    share = count / total if total else 0.0
    return f"{100 * share:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def quantile(values: Iterable[float], share: float) -> float:
    """Returns the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def found(trials: Sequence[Trial]) -> tuple[int, int]:
    """Counts the pictures that were the same, and those of them that found their donor."""
    same = [trial for trial in trials if not trial.different]
    return sum(trial.matched for trial in same), len(same)


def false(trials: Sequence[Trial]) -> tuple[int, int]:
    """Counts different pictures, and those taken for their twin, proposed or not, or another."""
    wrong = [trial for trial in trials if trial.different and (trial.confirmed or trial.mistaken)]
    return len(wrong), sum(trial.different for trial in trials)


def rates_table(trials: Sequence[Trial], names: Iterable[str], name: str) -> str:
    """Returns one row for each journey or kind: `name` says which of a trial's fields counts."""
    rows = [
        row(each, [trial for trial in trials if getattr(trial, name) == each]) for each in names
    ]
    head = [name, "same found", "different taken for the same", "distance of the same: 50, 99 %"]
    return table([*head, "of the different: least, 1 %"], rows)


def row(name: str, trials: Sequence[Trial]) -> list[str]:
    same = [trial.distance for trial in trials if not trial.different]
    different = [trial.distance for trial in trials if trial.different]
    return [
        name,
        rate(*found(trials)),
        f"{false(trials)[0]} of {false(trials)[1]}",
        f"{quantile(same, 0.5):.3f}, {quantile(same, 0.99):.3f}",
        f"{min(different, default=float('nan')):.3f}, {quantile(different, 0.01):.3f}",
    ]


def page(trials: Sequence[Trial], head: str, plot: str) -> str:
    """Returns the whole report in Markdown."""
    promised = [trial for trial in trials if JOURNEYS[trial.journey].promised]
    wrong, different = false(trials)
    mistaken = sum(trial.mistaken for trial in trials)
    low, high = interval(wrong, different)
    lines = [
        f"Found on the journeys that are promised: {rate(*found(promised))} of "
        f"{found(promised)[1]} pictures.",
        f"Different pictures taken for the same: {wrong} of {different} "
        f"(95 %: {100 * low:.2f}–{100 * high:.2f} %), whether proposed or not. "
        f"Pictures taken for a third one: {mistaken} of {len(trials)}.",
        f"Cost a picture, median: {median_ms(trials, lambda each: each.decode_s)} to decode, "
        f"{median_ms(trials, lambda each: each.search_s)} to hash, look up and compare.",
    ]
    parts = [head, "\n\n".join(lines), f"![Distances]({plot})"]
    parts.append(rates_table(trials, JOURNEYS, "journey"))
    parts.append(rates_table(trials, KINDS, "kind"))
    return "\n\n".join(parts) + "\n"


def median_ms(trials: Sequence[Trial], seconds: Callable[[Trial], float]) -> str:
    return f"{1000 * quantile(map(seconds, trials), 0.5):.0f} ms"
