"""One run of fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import nn
from torch.optim import AdamW
from torch.utils.data import DataLoader, Dataset
from transformers import PreTrainedModel

from training.finetuning.encoding import Example, RowEncoder
from training.finetuning.rows import Row
from training.learning.compute import Compute
from training.learning.dataset import padded
from training.learning.encoding import IGNORED
from training.learning.optimizer import set_learning_rate
from training.learning.schedule import Schedule

WARMUP_SHARE = 0.05
MOST_NORM = 1.0


@dataclass(frozen=True)
class TuningSettings:
    """`batch_size` rows make a step, of which `micro_batch_size` are computed at once."""

    epochs: int = 3
    batch_size: int = 4
    micro_batch_size: int = 4
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    seed: int = 0
    workers: int = 0


class EncodedRows(Dataset[Example]):
    """Encoded when they are read, since pixels are large."""

    def __init__(self, rows: Sequence[Row], encoder: RowEncoder) -> None:
        self.rows = rows
        self.encoder = encoder

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Example:
        return self.encoder.encode(self.rows[index])


@dataclass(frozen=True)
class MicroBatch:
    """Sequences padded on the right; the arguments of a GLM-4V model, and labels.

    token_ids, labels, mask: int64 [sequences, tokens]; pixel_values, grid: as in `Pixels`, None
    without pictures.
    """

    token_ids: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor
    pixel_values: torch.Tensor | None
    grid: torch.Tensor | None

    @classmethod
    def of(cls, examples: Sequence[Example]) -> MicroBatch:
        pixels = [example.pixels for example in examples if example.pixels is not None]
        return cls(
            token_ids=padded([example.token_ids for example in examples], 0),
            labels=padded([example.labels for example in examples], IGNORED),
            mask=padded([torch.ones_like(example.token_ids) for example in examples], 0),
            pixel_values=torch.cat([each.values for each in pixels]) if pixels else None,
            grid=torch.cat([each.grid for each in pixels]) if pixels else None,
        )


class Tuner:
    """Trains whatever parameters of a model require gradients on the answers of rows."""

    def __init__(
        self,
        model: PreTrainedModel,
        rows: EncodedRows,
        settings: TuningSettings,
        compute: Compute,
    ) -> None:
        self.model = model.train()
        self.rows = rows
        self.settings = settings
        self.compute = compute
        trained = [each for each in model.parameters() if each.requires_grad]
        self.optimizer = AdamW(trained, lr=0.0, weight_decay=settings.weight_decay)
        self.trained = trained

    @property
    def steps(self) -> int:
        return self.settings.epochs * -(-len(self.rows) // self.settings.batch_size)

    def run(self) -> Iterator[float]:
        """Yields each step's mean loss in nats per trained token."""
        warmup = max(1, round(WARMUP_SHARE * self.steps))
        schedule = Schedule(steady=0, decay=self.steps, warmup_steps=warmup)
        for number, batch in enumerate(self.batches()):
            rate = self.settings.learning_rate * schedule.share(number, 0.0)
            set_learning_rate([self.optimizer], rate)
            yield self.learn(batch)

    def batches(self) -> Iterator[list[Example]]:
        """Every epoch visits each row once, in an order that depends on seed and epoch alone."""
        indices = list(range(len(self.rows)))
        orders: list[list[int]] = []
        for epoch in range(self.settings.epochs):
            order = Random(f"finetune {self.settings.seed} {epoch}").sample(indices, len(indices))
            size = self.settings.batch_size
            orders += [order[start : start + size] for start in range(0, len(order), size)]
        return iter(
            DataLoader(
                self.rows,
                batch_sampler=orders,
                num_workers=self.settings.workers,
                collate_fn=list,
            )
        )

    def learn(self, batch: Sequence[Example]) -> float:
        """One step; every trained token of the batch weighs the same, however it is cut."""
        count = sum(int((example.labels != IGNORED).sum()) for example in batch)
        size, total = self.settings.micro_batch_size, 0.0
        for start in range(0, len(batch), size):
            loss = self.summed_loss(MicroBatch.of(batch[start : start + size])) / count
            torch.autograd.backward(loss)
            total += loss.item()
        nn.utils.clip_grad_norm_(self.trained, MOST_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def summed_loss(self, batch: MicroBatch) -> torch.Tensor:
        """Only the trained positions are projected to the vocabulary, which is wide."""
        model, device = base(self.model), self.compute.device
        token_ids = batch.token_ids.to(device)
        with self.compute.autocast():
            hidden = model.model(
                input_ids=token_ids,
                attention_mask=batch.mask.to(device),
                pixel_values=None if batch.pixel_values is None else batch.pixel_values.to(device),
                image_grid_thw=None if batch.grid is None else batch.grid.to(device),
                mm_token_type_ids=(token_ids == model.config.image_token_id).int(),
                use_cache=False,
            ).last_hidden_state
            targets = batch.labels.to(device)[:, 1:]
            trained = targets != IGNORED
            logits = model.lm_head(hidden[:, :-1][trained])
        return nn.functional.cross_entropy(logits.float(), targets[trained], reduction="sum")


def base(model: PreTrainedModel) -> PreTrainedModel:
    """transformers' own model; PEFT puts its layers into it and a wrapper around it."""
    inner: PreTrainedModel = model.get_base_model() if hasattr(model, "peft_config") else model
    return inner
