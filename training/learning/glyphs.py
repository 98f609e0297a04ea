"""An auxiliary target for reading: which characters lie on each visual token.

NOTE: answers alone teach letters slowly, because nothing in them says where a letter is. Pictures
of text know it for free. A character belongs to the one token that holds its centre, so that the
tokens of a line, one after the other, spell the line. The head is not exported.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.world.alphabet import PRINTED
from training.world.picture import Glyph

IGNORED = -100
SLOTS = 4  # characters a token; further ones have no label
# A centre this near to the border of a token, as a share of its side, may be in either of the two.
MARGIN = 0.06
BLANK_WEIGHT = 0.1  # most slots are blank
SLOT_WIDTH = 96
CLASS_OF = {character: index + 1 for index, character in enumerate(PRINTED)}


def glyph_labels(
    glyphs: tuple[Glyph, ...] | None, size: tuple[int, int], rows: int, columns: int
) -> torch.Tensor:
    """Classes of the characters on each visual token in reading order, int64 [tokens, SLOTS].

    0 means that no further character is there; IGNORED that it is disputable, which a character on
    a border makes itself and all slots behind it, and everything where nobody knows the glyphs.
    `size` is the picture's width and height in pixels, `rows` and `columns` its visual tokens.
    """
    labels = torch.zeros(rows * columns, SLOTS, dtype=torch.long)
    if glyphs is None:
        return labels.fill_(IGNORED)
    filled = [0] * len(labels)
    for glyph in glyphs:
        x = glyph.center[0] * columns / size[0]
        y = glyph.center[1] * rows / size[1]
        tokens = touched(x, y, rows, columns)
        for token in tokens:
            if len(tokens) > 1 or glyph.character not in CLASS_OF:
                labels[token, filled[token] :] = IGNORED
                filled[token] = SLOTS
            elif filled[token] < SLOTS:
                labels[token, filled[token]] = CLASS_OF[glyph.character]
                filled[token] += 1
    return labels


def touched(x: float, y: float, rows: int, columns: int) -> set[int]:
    """The tokens within MARGIN of a point that is given in tokens."""
    return {
        min(max(int(y + down), 0), rows - 1) * columns + min(max(int(x + right), 0), columns - 1)
        for down in (-MARGIN, MARGIN)
        for right in (-MARGIN, MARGIN)
    }


class GlyphHead(nn.Module):
    """Linear readings of features, float [visual tokens, hidden]."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        # The slots share their classes: a rare character is learnt in all of them at once.
        self.slots = nn.Linear(hidden, SLOTS * SLOT_WIDTH)
        self.classes = nn.Linear(SLOT_WIDTH, len(PRINTED) + 1)

    def read(self, features: torch.Tensor) -> torch.Tensor:
        """Scores of the classes, float [visual tokens, SLOTS, classes]."""
        scores: torch.Tensor = self.classes(self.slots(features).unflatten(1, (SLOTS, SLOT_WIDTH)))
        return scores

    def forward(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mean loss over the slots with labels, in nats; 0 without any."""
        known = (labels != IGNORED).any(dim=1)
        if not known.any():
            return features.sum() * 0.0
        scores = self.read(features[known]).flatten(0, 1).float()
        targets = labels[known].flatten()
        weight = torch.ones(scores.shape[1], device=scores.device)
        weight[0] = BLANK_WEIGHT
        return functional.cross_entropy(scores, targets, weight, ignore_index=IGNORED)
