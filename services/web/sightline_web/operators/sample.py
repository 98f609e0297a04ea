"""What was measured at one moment, and what two moments say together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2

Statistics = generator_pb2.GetStatisticsResponse
Load = generator_pb2.GetLoadResponse
_REUSED = (
    media_pb2.FEATURE_SOURCE_MEMORY,
    media_pb2.FEATURE_SOURCE_DISK,
    media_pb2.FEATURE_SOURCE_SHARED,
    media_pb2.FEATURE_SOURCE_SIMILAR,
)


@dataclass(frozen=True)
class Sample:
    """The services at one moment; `time_s` is on a monotonic clock, `day_s` since 1970 UTC.

    `load` and `statistics` are None where the generator could not be asked.
    """

    time_s: float
    day_s: float
    load: Load | None = None
    statistics: Statistics | None = None


@dataclass(frozen=True)
class Rates:
    """What happened between two samples; None where it cannot be known.

    Tokens are a second's; shares are from 0 to 1, of what was asked for in that time.
    """

    day_s: float
    generated_tokens: float | None = None
    prompt_tokens: float | None = None
    running: float | None = None
    waiting: float | None = None
    kv_use: float | None = None
    prefix_hits: float | None = None
    feature_hits: float | None = None


def are_mixed(samples: Sequence[Sample]) -> bool:
    """Tells whether several generators answered in turn.

    Counts that only grow went back more than once; once is a generator that was started anew.
    """
    known = [sample.statistics for sample in samples if sample.statistics is not None]
    totals = [each.generated_token_count + each.prompt_token_count for each in known]
    return sum(later < earlier for earlier, later in itertools.pairwise(totals)) > 1


def rates_of(samples: Sequence[Sample]) -> list[Rates]:
    """Returns the rates between each sample and the one before; none between two generators."""
    if are_mixed(samples):
        samples = [replace(sample, statistics=None) for sample in samples]
    return [_rates(before, after) for before, after in itertools.pairwise(samples)]


def _rates(before: Sample, after: Sample) -> Rates:
    load = after.load
    if load is None:
        return Rates(after.day_s)
    return Rates(
        after.day_s,
        generated_tokens=_rate(before, after, "generated_token_count"),
        prompt_tokens=_rate(before, after, "prompt_token_count"),
        running=load.running_count,
        waiting=load.waiting_count,
        kv_use=_share(load.block_count - load.free_block_count, load.block_count),
        prefix_hits=_share(
            _gained(before, after, "prefix_hit_token_count"),
            _gained(before, after, "prefix_query_token_count"),
        ),
        feature_hits=_feature_hits(before, after),
    )


def _rate(before: Sample, after: Sample, name: str) -> float | None:
    gained = _gained(before, after, name)
    return None if gained is None else gained / max(after.time_s - before.time_s, 1e-9)


def _gained(before: Sample, after: Sample, name: str) -> int | None:
    """Returns what a count grew by; a service that was started anew counts from nothing."""
    if before.statistics is None or after.statistics is None:
        return None
    gained: int = getattr(after.statistics, name) - getattr(before.statistics, name)
    return gained if gained >= 0 else None


def _feature_hits(before: Sample, after: Sample) -> float | None:
    if before.statistics is None or after.statistics is None:
        return None
    earlier, later = _answers(before.statistics), _answers(after.statistics)
    hits, answers = (now - then for then, now in zip(earlier, later, strict=True))
    return _share(hits, answers) if 0 <= hits <= answers else None


def _answers(statistics: Statistics) -> tuple[int, int]:
    """Counts the encoders' answers that took no forward pass, and all of them."""
    counts = [count for encoder in statistics.encoders for count in encoder.cache.source_counts]
    reused = sum(count.answer_count for count in counts if count.source in _REUSED)
    return reused, sum(count.answer_count for count in counts)


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
