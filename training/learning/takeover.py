"""Starting with weights that were trained for fewer classes or another vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from training.world.alphabet import PRINTED
from training.world.scene import COLORS, KINDS, PLACES

RowNames = dict[str, list[str]]
NOTHING = "nothing"
VOCABULARY_TABLES = ("model.model.language_model.embed_tokens", "model.lm_head")


def row_names(tokenizer: PreTrainedTokenizerFast) -> RowNames:
    """What the rows of a learner's modules stand for, wherever that may change.

    A checkpoint keeps them beside its weights.
    """
    tokens: list[str] = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    heads = {"kind": KINDS, "color": COLORS, "place": PLACES, "glyph.classes": PRINTED}
    rows = {f"sight_head.{head}": [NOTHING, *classes] for head, classes in heads.items()}
    return rows | dict.fromkeys(VOCABULARY_TABLES, tokens)


@torch.no_grad()
def take_over(
    module: nn.Module, weights: Mapping[str, torch.Tensor], before: RowNames, now: RowNames
) -> list[str]:
    """Copies weights into the module; returns a line for each parameter that is partly new.

    Rows named in `before` go to the row of that name in `now`. What has no counterpart keeps its
    value. Raises ValueError for a parameter whose size differs otherwise.
    """
    lines = []
    for name, target in module.state_dict().items():
        owner, source = name.rpartition(".")[0], weights.get(name)
        if source is None:
            lines.append(f"{name}: begins anew")
            continue
        rows = now.get(owner, [])
        # Checkpoints from before row names were kept hold the first of today's rows.
        rows_before = before.get(owner, rows[: len(source)])
        if rows_before != rows:
            taken = copy_rows(target, source, rows_before, rows)
            lines.append(f"{name}: {taken} of {len(target)} rows taken over")
        elif target.shape == source.shape:
            target.copy_(source)
        else:
            raise ValueError(
                f"{name} has shape {list(source.shape)} in the weights and {list(target.shape)} "
                "in this model; start without --from, or from weights of this architecture."
            )
    return lines


def copy_rows(
    target: torch.Tensor, source: torch.Tensor, before: Sequence[str], now: Sequence[str]
) -> int:
    """Copies the rows whose names are in both; returns how many."""
    index = {name: row for row, name in enumerate(before)}
    pairs = [(row, index[name]) for row, name in enumerate(now) if name in index]
    to, of = zip(*pairs, strict=True)
    target[list(to)] = source[list(of)].to(target)
    return len(pairs)
