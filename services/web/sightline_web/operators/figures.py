"""Everything that the operators' page shows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sightline.encoder.v1 import encoder_pb2
from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2, tensor_pb2

from sightline_web.language import translated
from sightline_web.operators.plot import Plot
from sightline_web.operators.sample import Load, Rates, Sample, Statistics, are_mixed, rates_of

NUM_TABLE_ROWS = 12
TIERS = {
    media_pb2.FEATURE_SOURCE_MEMORY: "memory",
    media_pb2.FEATURE_SOURCE_DISK: "disk",
    media_pb2.FEATURE_SOURCE_SHARED: "shared",
}
Fact = tuple[str, str]


@dataclass(frozen=True)
class TierRow:
    """One tier of one encoder's feature cache, in words."""

    encoder: str
    name: str
    hits: str
    entries: str
    bytes: str
    evictions: str
    faults: str
    saved: str


@dataclass(frozen=True)
class Figures:
    """The newest samples, ready to be shown."""

    samples: Sequence[Sample]
    info: generator_pb2.GetModelInfoResponse | None

    @property
    def is_reached(self) -> bool:
        return self.load is not None

    @property
    def are_mixed(self) -> bool:
        """Tells whether several generators answered in turn."""
        return are_mixed(self.samples)

    @property
    def load(self) -> Load | None:
        return self.samples[-1].load if self.samples else None

    @property
    def statistics(self) -> Statistics | None:
        return self.samples[-1].statistics if self.samples else None

    @property
    def plots(self) -> list[Plot]:
        rates = rates_of(self.samples)
        return [
            Plot(translated("Tokens written a second"), [r.generated_tokens for r in rates], _rate),
            Plot(translated("Prompt tokens a second"), [r.prompt_tokens for r in rates], _rate),
            Plot(translated("Running"), [r.running for r in rates], _whole),
            Plot(translated("Waiting"), [r.waiting for r in rates], _whole),
            Plot(translated("KV cache in use"), [r.kv_use for r in rates], _percent, 1.0),
            Plot(translated("Prefix cache hits"), [r.prefix_hits for r in rates], _percent, 1.0),
            Plot(translated("Feature cache hits"), [r.feature_hits for r in rates], _percent, 1.0),
        ]

    @property
    def table(self) -> list[tuple[str, list[str]]]:
        """Times and values of a few moments, the newest first."""
        plots = self.plots
        rates = rates_of(self.samples)
        indexes = list(range(len(rates)))[:: -max(1, len(rates) // NUM_TABLE_ROWS)]
        return [
            (_clock(rates[index]), [plot.written(plot.values[index]) for plot in plots])
            for index in indexes[:NUM_TABLE_ROWS]
        ]

    @property
    def model_facts(self) -> list[Fact]:
        info = self.info
        if info is None:
            return []
        data_type = tensor_pb2.DataType.Name(info.data_type).removeprefix("DATA_TYPE_").lower()
        return [
            (translated("Model"), info.model),
            (translated("Architecture"), info.architecture),
            (translated("Checkpoint"), info.checkpoint_fingerprint),
            (translated("Runs on"), f"{info.device} · {data_type} · {info.attention}"),
            (translated("Context"), translated("{n} tokens", n=info.max_token_count)),
            (translated("KV cache"), _kv_cache(info)),
            (translated("Version"), info.version),
        ]

    @property
    def work_facts(self) -> list[Fact]:
        load, done = self.load, self.statistics
        if load is None or done is None:
            return []
        return [
            (translated("Running"), str(load.running_count)),
            (translated("Waiting"), f"{load.waiting_count} / {load.max_waiting_count}"),
            (translated("Free KV blocks"), f"{load.free_block_count} / {load.block_count}"),
            (translated("Tokens written since start"), f"{done.generated_token_count:,}"),
            (translated("Prompt tokens since start"), f"{done.prompt_token_count:,}"),
            (translated("Prompt tokens from the prefix cache"), _of_all(done)),
            (translated("Computed again for want of room"), str(done.preemption_count)),
            (translated("Failed"), str(done.failure_count)),
        ]

    @property
    def encoders(self) -> list[generator_pb2.EncoderReport]:
        return list(self.statistics.encoders) if self.statistics else []

    @property
    def tiers(self) -> list[TierRow]:
        return [
            _tier_row(encoder.target, tier)
            for encoder in self.encoders
            for tier in encoder.cache.tiers
        ]


def _tier_row(encoder: str, tier: encoder_pb2.TierStatistics) -> TierRow:
    size = _bytes(tier.byte_count) if tier.HasField("byte_count") else "–"
    bound = f" / {_bytes(tier.max_byte_count)}" if tier.HasField("max_byte_count") else ""
    return TierRow(
        encoder=encoder,
        name=translated(TIERS.get(tier.tier, "other")),
        hits=f"{tier.hit_count:,}",
        entries=f"{tier.entry_count:,}" if tier.HasField("entry_count") else "–",
        bytes=size + bound,
        evictions=f"{tier.eviction_count:,}",
        faults=f"{tier.corrupt_count + tier.bypass_count + tier.dropped_count:,}",
        saved=f"{tier.saved_time.ToNanoseconds() / 1e9:,.1f} s",
    )


def _kv_cache(info: generator_pb2.GetModelInfoResponse) -> str:
    size = _bytes(info.kv_cache_byte_count)
    return f"{size} · {info.block_count:,} × {info.block_token_count}"


def _of_all(done: Statistics) -> str:
    hits, queries = done.prefix_hit_token_count, done.prefix_query_token_count
    return f"{hits:,} / {queries:,}" + (f" ({hits / queries:.0%})" if queries else "")


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def _clock(rates: Rates) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(rates.day_s))


def _rate(value: float) -> str:
    return f"{value:,.1f}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _percent(value: float) -> str:
    return f"{value:.0%}"
