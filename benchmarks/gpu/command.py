"""What the commands share: arguments, the device, and the report."""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.gpu.configuration import FLASH, TINY, Config
from benchmarks.measure import median, table

RESULTS = Path(__file__).parents[1] / "results"
DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
}
PACKAGES = ("torch", "transformers", "flash-attn", "flash-attn-3", "triton")
Row = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Options:
    """How a benchmark runs."""

    tiny: bool
    device: torch.device
    dtype: torch.dtype
    rounds: int
    output: Path
    attention: str

    @property
    def config(self) -> Config:
        return TINY if self.tiny else FLASH


Benchmark = Callable[[Options], list[Row]]


def run(
    name: str, benchmark: Benchmark, argv: Sequence[str] | None, description: str | None
) -> None:
    """Runs a benchmark as the command line says, prints its table, and writes its file."""
    options = _parse(name, argv, description)
    rows = benchmark(options)
    surroundings = environment(options)
    print("; ".join(f"{key} {value}" for key, value in surroundings.items()))
    print(_as_table(rows))
    options.output.mkdir(parents=True, exist_ok=True)
    report = {"benchmark": f"gpu {name}", "environment": surroundings, "rows": rows}
    path = options.output / f"gpu-{name}{'-tiny' if options.tiny else ''}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def environment(options: Options) -> dict[str, str]:
    """Names hardware, versions and settings."""
    return {
        "device": _device_name(options.device),
        "dtype": str(options.dtype).removeprefix("torch."),
        "configuration": "tiny" if options.tiny else "GLM-4.6V-Flash, random weights",
        "rounds": str(options.rounds),
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "cuda": str(torch.version.cuda),
        **{name: found for name in PACKAGES if (found := _version(name))},
    }


def middle(values: Sequence[float]) -> float | None:
    """Returns the median, None when there was no memory for a single value."""
    return median(values) if values else None


def ratio(left: float | None, right: float | None) -> float | None:
    """Returns left / right, None when one of them is missing."""
    return None if left is None or right is None else left / right


def _parse(name: str, argv: Sequence[str] | None, description: str | None) -> Options:
    parser = argparse.ArgumentParser(prog=f"benchmarks.gpu.{name}", description=description)
    parser.add_argument("--tiny", action="store_true", help="a shrunken model, for trying it out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="float16")
    parser.add_argument("--attention", default="auto", help="as SIGHTLINE_GENERATOR_ATTENTION")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the result file")
    given = parser.parse_args(argv)
    if given.device == "cpu" and not given.tiny:
        parser.error("torch sees no GPU; the full configuration needs one (try --tiny)")
    return Options(
        tiny=given.tiny,
        device=torch.device(given.device),
        dtype=DTYPES[given.dtype],
        rounds=given.rounds,
        output=given.output,
        attention=given.attention,
    )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / 1e9:.0f} GB"
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _as_table(rows: list[Row]) -> str:
    return table(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "out of memory"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
