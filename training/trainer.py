"""Trains sightline-nano; may be stopped at any time and goes on from its last checkpoint.

Exits with status 75 where `--minutes-a-call` ended it before its phase: call it again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch

from training.build import build_model
from training.learning.checkpoint import Checkpoint, PhaseRecord
from training.learning.compute import (
    DEVICES,
    PRECISIONS,
    Compute,
    keep_freed_memory,
    return_freed_memory,
)
from training.learning.dataset import Batch, BatchPools, stream
from training.learning.learner import Learner, Losses
from training.learning.machine import allow_open_files, fitting_workers, usable_cores
from training.learning.optimizer import build_optimizers, set_learning_rate, step
from training.learning.progress import Progress
from training.learning.schedule import Schedule
from training.learning.stage import CURRICULUM, SCENES_WORLD, SMALL_WORLD, Stage
from training.learning.takeover import row_names, take_over
from training.processing import Processor

UNFINISHED = 75  # EX_TEMPFAIL of sysexits.h: the same again will get further
TRIM_EVERY = 4  # steps; a gigabyte of holes comes with each, and filling them anew takes time
WORLDS: dict[str, tuple[Stage, ...]] = {
    "whole": CURRICULUM,
    "scenes": (SCENES_WORLD,),
    "small": (SMALL_WORLD,),
}


@dataclass(frozen=True)
class Settings:
    """How one phase is trained. `start` is a checkpoint or a model folder to begin with."""

    folder: Path = Path(".training")
    phase: str = "main"
    model: Path = Path("models/sightline-nano")
    start: Path | None = None
    world: str = "whole"
    seed: int = 0
    batch_size: int = 16
    learning_rate: float = 2e-3
    sight_weight: float = 1.0
    most_norm: float = 1.0
    device: str = "auto"
    precision: str = "auto"
    muon: bool = True
    freeze_sight: bool = False
    gradient_checkpointing: bool = False
    workers: int = 1
    minutes_a_call: float = math.inf
    save_every: int = 50  # steps, and not before `save_apart` seconds: a GPU takes 50 in no time
    save_apart: float = 60.0
    log_every: int = 10  # steps

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.phase}.pt"


class Trainer:
    """One phase of training. `step` is the number of batches learnt from in all phases."""

    def __init__(self, settings: Settings, schedule: Schedule, processor: Processor) -> None:
        self.settings = settings
        self.schedule = schedule
        self.processor = processor
        self.compute = Compute.choose(settings.device, settings.precision)
        self.compute.make_current()
        self.learner = Learner(build_model(processor.tokenizer, settings.seed))
        self.learner.place(self.compute.device, self.compute.products).train()
        if settings.gradient_checkpointing:
            self.learner.save_memory()
        if settings.freeze_sight:
            self.learner.freeze_sight()
        self.optimizers = build_optimizers(self.learner, settings.muon)
        self.rows = row_names(processor.tokenizer)
        self.step = 0
        self.saved_at = time.monotonic()
        self.earlier: tuple[PhaseRecord, ...] = ()
        self.phase = PhaseRecord(
            name=settings.phase,
            steps=0,
            seconds=0.0,
            finished=False,
            seed=settings.seed,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            compute=str(self.compute),
        )

    def save(self) -> None:
        Checkpoint(
            step=self.step,
            phases=(*self.earlier, self.phase),
            weights=self.learner.state_dict(),
            rows=self.rows,
            optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
        ).save(self.settings.checkpoint)
        self.saved_at = time.monotonic()

    def is_time_to_save(self) -> bool:
        apart = time.monotonic() - self.saved_at >= self.settings.save_apart
        return self.step % self.settings.save_every == 0 and apart

    def prepare(self) -> None:
        """Goes on with this phase, or begins it with the weights that the settings name."""
        start = self.settings.start
        if self.settings.checkpoint.exists():
            self.resume()
        elif start is not None and start.is_dir():
            self.begin(Checkpoint.of_model(start, WORLDS[self.settings.world][-1].start))
        elif start is not None:
            self.begin(Checkpoint.load(start))

    def resume(self) -> None:
        """Takes over the phase's own checkpoint, optimizers included."""
        saved = Checkpoint.load(self.settings.checkpoint)
        self.begin(saved)
        *earlier, last = saved.phases
        self.earlier = tuple(earlier)
        self.phase = replace(self.phase, steps=last.steps, seconds=last.seconds)
        self.phase = replace(self.phase, finished=last.finished)
        for optimizer, state in zip(self.optimizers, saved.optimizers, strict=True):
            optimizer.load_state_dict(state)

    def begin(self, saved: Checkpoint) -> None:
        """Begins this phase with another's weights; what they lack keeps its random start."""
        for line in take_over(self.learner, saved.weights, saved.rows, self.rows):
            print(line, flush=True)
        self.step, self.earlier = saved.step, saved.phases

    def batches(self) -> Iterator[Batch]:
        """The batches from the current step on."""
        settings = self.settings
        curriculum = WORLDS[settings.world]
        if settings.freeze_sight:
            curriculum = (replace(curriculum[-1], start=0, look_share=0.0),)
        pools = BatchPools(
            self.processor,
            curriculum,
            settings.batch_size,
            settings.seed,
        )
        workers = fitting_workers(settings.workers, pools.most_bytes())
        for batch in stream(pools, self.step, workers):
            yield batch.to(self.compute.device)

    def learn(self, batch: Batch, share: float) -> tuple[Losses, float]:
        """One step; returns its losses and the norm of the gradients."""
        with self.compute.autocast():
            losses = self.learner(batch)
        (losses.answer + self.settings.sight_weight * losses.sight.total()).backward()
        set_learning_rate(self.optimizers, share * self.settings.learning_rate)
        norm = step(self.learner, self.optimizers, self.settings.most_norm)
        self.step += 1
        return losses, norm

    def run(self) -> None:
        """Trains until the schedule ends, or this call's minutes; then saves."""
        progress, batches = Progress(), self.batches()
        before, began = self.phase.seconds, time.monotonic()
        while share := self.share():
            progress.add(*self.learn(next(batches), share))
            seconds = before + time.monotonic() - began
            self.phase = replace(self.phase, steps=self.phase.steps + 1, seconds=seconds)
            if self.step % self.settings.log_every == 0:
                self.log(progress, share)
                progress = Progress()
            if self.is_time_to_save():
                self.save()
            if self.step % TRIM_EVERY == 0 and self.compute.device.type == "cpu":
                return_freed_memory()
            if seconds - before > 60 * self.settings.minutes_a_call:
                break
        self.phase = replace(self.phase, finished=not self.share())
        self.save()

    def share(self) -> float:
        """Of the learning rate, at the next step; 0 when the phase is over."""
        return self.schedule.share(self.phase.steps, self.phase.seconds / 60)

    def log(self, progress: Progress, share: float) -> None:
        seconds = self.phase.seconds + sum(phase.seconds for phase in self.earlier)
        row: dict[str, float] = {"step": self.step, "minutes": round(seconds / 60, 1)}
        row |= progress.row(self.settings.batch_size) | {"rate": round(share, 3)}
        print(" ".join(f"{name}={value:g}" for name, value in row.items()), flush=True)
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        with (self.settings.folder / "curve.jsonl").open("a", encoding="utf-8") as curve:
            curve.write(json.dumps({"phase": self.phase.name} | row) + "\n")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--folder", type=Path, help="of checkpoints and the loss curve")
    add("--phase", help="the name of this part of training, and of its checkpoint")
    add("--model", type=Path, help="tokenizer and template")
    add("--from", type=Path, dest="start", help="begin with a checkpoint or a model folder")
    add("--from-shipped", action="store_true", help="begin with the weights in --model")
    add("--world", choices=WORLDS, help="what is drawn: of the small one as it is from the start")
    add("--seed", type=int)
    add("--batch-size", type=int)
    add("--learning-rate", type=float)
    add("--device", help=" or ".join(DEVICES))
    add("--precision", choices=PRECISIONS, help="of matrix products; weights are float32")
    add("--adamw", action="store_true", help="for all parameters, without Muon")
    add("--freeze-sight", action="store_true", help="with a frozen vision tower, talk alone")
    add("--gradient-checkpointing", action="store_true", help="less memory, more computing")
    add("--workers", type=int, help="processes that draw pictures")
    add("--minutes-a-call", type=float, help="then save and end, to be called again")
    add("--threads", type=int, default=usable_cores(), help="of the CPU's matrix products")
    add("--steps", type=int, help="at the full learning rate; without an end if nothing is given")
    add("--minutes", type=float, help="the same, by the clock")
    add("--decay-steps", type=int, help="after that, while the rate falls to zero")
    add("--decay-minutes", type=float, help="the same, by the clock")
    return parser


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Options that were not given keep the defaults of `Settings`."""
    names = {each.name for each in fields(Settings)}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    settings = replace(Settings(), **{n: v for n, v in given.items() if v is not None})
    if arguments.from_shipped:
        settings = replace(settings, start=settings.model)
    return replace(settings, muon=not arguments.adamw)


def schedule_of(arguments: argparse.Namespace) -> Schedule:
    return Schedule.of(
        steps=arguments.steps,
        minutes=arguments.minutes,
        decay_steps=arguments.decay_steps,
        decay_minutes=arguments.decay_minutes,
    )


def main() -> None:
    arguments = parser().parse_args()
    settings, schedule = settings_of(arguments), schedule_of(arguments)
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    allow_open_files()
    try:
        trainer = Trainer(settings, schedule, Processor.load(settings.model))
        trainer.prepare()
    except ValueError as error:
        sys.exit(f"trainer: {error}")
    print(f"{settings.phase}: step {trainer.step}, {trainer.compute}", flush=True)
    trainer.run()
    sys.exit(0 if trainer.phase.finished else UNFINISHED)


if __name__ == "__main__":
    main()
