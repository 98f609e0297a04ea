"""Whether memory and disk stay inside their bounds: `python -m benchmarks.cache_bounds`.

Ten thousand different small pictures pass an encoder whose tiers hold a few hundred of them;
what each tier holds, what the folder really takes, and what the process has resident are read
meanwhile, and drawn.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline_common.channel import open_channel
from sightline_common.malloc import MALLOC_VARIABLES

from benchmarks.encoder.served import encode, running_encoder
from benchmarks.measure import table
from benchmarks.pictures import fresh_png
from benchmarks.process_tree import started_bytes
from benchmarks.run import Run, run_parser

MODULE = "benchmarks.cache_bounds"
EDGE = 56
NUM_CLIENTS = 8
NUM_READINGS = 100
MEMORY_BYTES = 1024**2
DISK_BYTES = 4 * 1024**2
MIB = 1024**2


@dataclass(frozen=True)
class Reading:
    """Bytes after so many pictures: as the encoder counts, as the folder has, as resident."""

    num_pictures: int
    memory_bytes: int
    disk_bytes: int
    folder_bytes: int
    resident_bytes: int


def main() -> None:
    """Runs, draws, and writes the readings."""
    arguments = parse_arguments()
    with TemporaryDirectory(prefix="sightline-bounds-") as folder:
        variables = {
            **MALLOC_VARIABLES,
            "SIGHTLINE_ENCODER_CACHE_BYTES": str(MEMORY_BYTES),
            "SIGHTLINE_ENCODER_DISK_CACHE_DIR": folder,
            "SIGHTLINE_ENCODER_DISK_CACHE_BYTES": str(DISK_BYTES),
            "SIGHTLINE_ENCODER_THREADS": "1",
        }
        with running_encoder(arguments.model, variables) as encoder:
            readings = asyncio.run(fill(encoder.target, Path(folder), arguments.pictures))
    report(arguments, readings)


def parse_arguments() -> argparse.Namespace:
    parser = run_parser(MODULE, __doc__)
    parser.add_argument("--pictures", type=int, default=10_000)
    return parser.parse_args()


async def fill(target: str, folder: Path, num_pictures: int) -> list[Reading]:
    """Asks for every picture once and reads a hundred times what there is."""
    numbers = iter(range(num_pictures))
    readings: list[Reading] = []
    async with open_channel(target) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)

        async def client() -> None:
            for number in numbers:
                await encode(stub, fresh_png(EDGE, number))
                if number % max(1, num_pictures // NUM_READINGS) == 0:
                    readings.append(await read(stub, folder, number))

        await asyncio.gather(*(client() for _ in range(NUM_CLIENTS)))
        readings.append(await read(stub, folder, num_pictures))
    return readings


async def read(
    stub: encoder_pb2_grpc.EncoderServiceAsyncStub, folder: Path, number: int
) -> Reading:
    """Returns what there is now."""
    statistics = await stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest())
    memory, disk = statistics.tiers[:2]
    return Reading(
        num_pictures=number,
        memory_bytes=memory.byte_count,
        disk_bytes=disk.byte_count,
        folder_bytes=folder_bytes(folder),
        resident_bytes=started_bytes(),
    )


def folder_bytes(folder: Path) -> int:
    """Returns the sizes of all files below a folder; those that vanish meanwhile count nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def draw(readings: Sequence[Reading], path: Path) -> None:
    """Draws both tiers under their bounds, and the resident memory apart."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasSVG(figure)
    tiers, process = figure.subplots(1, 2)
    counts = [each.num_pictures for each in readings]
    tiers.plot(counts, [each.memory_bytes / MIB for each in readings], label="memory tier")
    tiers.plot(counts, [each.folder_bytes / MIB for each in readings], label="files on disk")
    for bound in (MEMORY_BYTES, DISK_BYTES):
        tiers.axhline(bound / MIB, color="grey", linestyle="--", linewidth=1)
    process.plot(counts, [each.resident_bytes / MIB for each in readings], label="resident memory")
    for axes in (tiers, process):
        axes.set_xlabel("different pictures")
        axes.set_ylabel("MiB")
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right")
    figure.savefig(path)


def report(arguments: argparse.Namespace, readings: Sequence[Reading]) -> None:
    """Prints the largest readings beside the bounds; writes plot and raw figures."""
    run = Run(MODULE)
    largest = {
        "memory tier": (max(each.memory_bytes for each in readings), MEMORY_BYTES),
        "disk tier, as counted": (max(each.disk_bytes for each in readings), DISK_BYTES),
        "disk tier, files": (max(each.folder_bytes for each in readings), DISK_BYTES),
    }
    rows = [
        [name, f"{most:,}", f"{bound:,}", "yes" if most <= bound else "NO"]
        for name, (most, bound) in largest.items()
    ]
    body = f"{table(['what', 'most bytes', 'bound', 'inside'], rows)}\n\n![plot]({run.stem}.svg)"
    facts = {"readings": [asdict(each) for each in readings]}
    run.write(arguments.results, f"{arguments.pictures} different pictures", body, facts)
    draw(readings, arguments.results / f"{run.stem}.svg")


if __name__ == "__main__":
    main()
