"""Trains sightline-nano; may be stopped at any time and goes on from its last checkpoint."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from transformers import Glm4vForConditionalGeneration

from training.build import build_model
from training.learning.dataset import Batch, SampleStream
from training.learning.learner import Learner, Losses
from training.learning.optimizer import build_optimizers, set_learning_rate, step
from training.learning.schedule import Schedule
from training.learning.stage import CURRICULUM, TALK_ONLY, Stage
from training.processing import Processor


@dataclass(frozen=True)
class Settings:
    folder: Path = Path(".training")
    model: Path = Path("models/sightline-nano")
    seed: int = 0
    batch_size: int = 16
    learning_rate: float = 2e-3
    sight_weight: float = 1.0
    most_norm: float = 1.0
    bfloat16: bool = True
    muon: bool = True
    freeze_sight: bool = False
    from_shipped: bool = False
    workers: int = 1
    save_every: int = 50  # steps
    log_every: int = 10  # steps


@dataclass
class Progress:
    """Running means since the last line of progress."""

    since: float = field(default_factory=time.monotonic)
    steps: int = 0
    talks: int = 0  # steps with a conversation
    answer: float = 0.0
    kind: float = 0.0
    color: float = 0.0
    parts: float = 0.0
    place: float = 0.0
    norm: float = 0.0

    def add(self, losses: Losses, norm: float) -> None:
        self.steps += 1
        self.talks += losses.answer.requires_grad
        self.answer += losses.answer.item()
        self.kind += losses.sight.kind.item()
        self.color += losses.sight.color.item()
        self.parts += losses.sight.parts.item()
        self.place += losses.sight.place.item()
        self.norm += norm

    def row(self, batch_size: int) -> dict[str, float]:
        seconds = time.monotonic() - self.since
        row = {"answer": round(self.answer / max(self.talks, 1), 4)}
        names = ("kind", "color", "parts", "place", "norm")
        row |= {name: round(getattr(self, name) / self.steps, 4) for name in names}
        return row | {"samples_per_s": round(self.steps * batch_size / seconds, 2)}


class Trainer:
    """One training run. `step` is the number of batches learnt from."""

    def __init__(self, settings: Settings, schedule: Schedule, processor: Processor) -> None:
        self.settings = settings
        self.schedule = schedule
        self.processor = processor
        self.learner = Learner(starting_model(settings, processor))
        if settings.freeze_sight:
            self.learner.freeze_sight()
        self.optimizers = build_optimizers(self.learner, settings.muon)
        self.step = 0
        self.seconds = 0.0

    @property
    def checkpoint(self) -> Path:
        return self.settings.folder / "checkpoint.pt"

    def save(self) -> None:
        """Replaces the checkpoint at once, so that a stop in between leaves the old one."""
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.checkpoint.with_suffix(".fresh")
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "learner": self.learner.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        self.learner.load_state_dict(state["learner"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def batches(self) -> Iterator[Batch]:
        """The batches from the current step on, each stage of the curriculum in turn."""
        if self.settings.freeze_sight:
            yield from self.load(TALK_ONLY)
        for stage, following in itertools.zip_longest(CURRICULUM, CURRICULUM[1:]):
            if following is None:
                yield from self.load(stage)
            elif self.step < following.start:
                yield from itertools.islice(self.load(stage), following.start - self.step)

    def load(self, stage: Stage) -> Iterator[Batch]:
        settings = self.settings
        stream = SampleStream(self.processor, stage, settings.batch_size, settings.seed, self.step)
        loader: DataLoader[Batch] = DataLoader(
            stream,
            batch_size=None,
            num_workers=settings.workers,
            prefetch_factor=16 if settings.workers else None,
        )
        return iter(loader)

    def precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bfloat16)

    def learn(self, batch: Batch, share: float) -> tuple[Losses, float]:
        """One step; returns its losses and the norm of the gradients."""
        with self.precision():
            losses = self.learner(batch)
        (losses.answer + self.settings.sight_weight * losses.sight.total()).backward()
        set_learning_rate(self.optimizers, share * self.settings.learning_rate)
        norm = step(self.learner, self.optimizers, self.settings.most_norm)
        self.step += 1
        return losses, norm

    def run(self, most_steps: int | None = None, minutes: float = math.inf) -> None:
        """Trains until the schedule's decay ends, or for `most_steps`, or for some minutes."""
        progress, began = Progress(), time.monotonic()
        before = self.seconds
        for steps_here, batch in enumerate(itertools.islice(self.batches(), most_steps)):
            share = self.schedule.share(self.step, steps_here)
            if share == 0.0 or time.monotonic() - began > 60 * minutes:
                break
            progress.add(*self.learn(batch, share))
            self.seconds = before + time.monotonic() - began
            if self.step % self.settings.log_every == 0:
                self.log(progress, share)
                progress = Progress()
            if self.step % self.settings.save_every == 0:
                self.save()
        self.save()

    def log(self, progress: Progress, share: float) -> None:
        row: dict[str, float] = {"step": self.step, "minutes": round(self.seconds / 60, 1)}
        row |= progress.row(self.settings.batch_size) | {"rate": round(share, 3)}
        print(" ".join(f"{name}={value:g}" for name, value in row.items()), flush=True)
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        with (self.settings.folder / "curve.jsonl").open("a", encoding="utf-8") as curve:
            curve.write(json.dumps(row) + "\n")


def starting_model(settings: Settings, processor: Processor) -> Glm4vForConditionalGeneration:
    """Random weights, or those of a model folder, in float32."""
    if not settings.from_shipped:
        return build_model(processor.tokenizer, settings.seed)
    model: Glm4vForConditionalGeneration = Glm4vForConditionalGeneration.from_pretrained(
        settings.model, dtype=torch.float32
    )
    return model


def parse() -> tuple[Settings, Schedule, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Settings.folder, help="of checkpoints")
    parser.add_argument("--model", type=Path, default=Settings.model, help="tokenizer, template")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--batch-size", type=int, default=Settings.batch_size)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--float32", action="store_true", help="instead of bfloat16 products")
    parser.add_argument("--adamw", action="store_true", help="for all parameters, without Muon")
    parser.add_argument(
        "--freeze-sight", action="store_true", help="with a frozen vision tower, talk alone"
    )
    parser.add_argument(
        "--from-shipped", action="store_true", help="start with the model folder's weights"
    )
    parser.add_argument("--workers", type=int, default=Settings.workers)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="stop after so many, without a decay")
    parser.add_argument("--minutes", type=float, help="the same, by the clock")
    parser.add_argument("--decay-steps", type=int, help="decay from here on, and stop")
    parser.add_argument("--decay-minutes", type=float, help="the same, by the clock")
    arguments = parser.parse_args()
    settings = Settings(
        folder=arguments.folder,
        model=arguments.model,
        seed=arguments.seed,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        bfloat16=not arguments.float32,
        muon=not arguments.adamw,
        freeze_sight=arguments.freeze_sight,
        from_shipped=arguments.from_shipped,
        workers=arguments.workers,
    )
    schedule = Schedule(arguments.decay_steps, arguments.decay_minutes)
    return settings, schedule, arguments


def main() -> None:
    settings, schedule, arguments = parse()
    torch.set_num_threads(arguments.threads)
    trainer = Trainer(settings, schedule, Processor.load(settings.model))
    if trainer.checkpoint.exists():
        trainer.resume()
        print(f"resumed at step {trainer.step}", flush=True)
    trainer.run(arguments.steps, arguments.minutes or math.inf)


if __name__ == "__main__":
    main()
