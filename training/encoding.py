"""Samples as the tensors that the model is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw

from training.processing import Pixels, Processor, expand
from training.renderer import Picture
from training.sample import Sample
from training.scene import COLORS, KINDS, Scene

IGNORED = -100
PICTURE = "<|begin_of_image|><|image|><|end_of_image|>"
CELL = 4  # the resolution of coverage, per side of a visual token
LEAST_COVER = 4  # of CELL * CELL
SIGHT = 3 + CELL * CELL


@dataclass(frozen=True)
class Encoded:
    """One sample.

    token_ids, labels: int64 [tokens]; a label is the token itself where it is trained.
    sights: int64 [visual tokens, SIGHT]. First kind, colour and place of the shape that a visual
    token lies on: 0 for the ground, otherwise one more than the index, IGNORED at a border. Then
    which parts of the token's square lie on a shape, 1 or 0, row by row.
    """

    token_ids: torch.Tensor
    labels: torch.Tensor
    pixels: Pixels | None
    sights: torch.Tensor


Segment = tuple[str, bool]


def segments(sample: Sample) -> list[Segment]:
    """The conversation in the template's syntax, cut where training begins and ends."""
    if not sample.exchanges:
        return []
    cut: list[Segment] = [("[gMASK]<sop><|user|>", False)]
    last = len(sample.exchanges) - 1
    for index, exchange in enumerate(sample.exchanges):
        content = exchange.question
        if index == 0:
            pictures = PICTURE * len(sample.pictures)
            content = content + pictures if sample.picture_last else pictures + content
        cut.append((f"\n{content}<|assistant|>\n", False))
        if index == last and sample.thought is not None:
            cut.append((f"<think>{sample.thought}</think>\n", True))
        else:
            cut.append(("<think></think>\n", False))
        cut.append((f"{exchange.answer}<|user|>", True))
    return cut


def encode(processor: Processor, sample: Sample) -> Encoded:
    images = [picture.image for picture in sample.pictures]
    pixels = processor.pixels(images) if images else None
    counts = pixels.token_counts() if pixels is not None else []
    token_ids, labels = tokenized(processor, segments(sample), counts)
    sights = [
        look(scene, picture, grid)
        for scene, picture, grid in zip(
            sample.scenes, sample.pictures, pixels.grid.tolist() if pixels else [], strict=True
        )
    ]
    nothing = torch.empty(0, SIGHT, dtype=torch.long)
    return Encoded(token_ids, labels, pixels, torch.cat([nothing, *sights]))


def tokenized(
    processor: Processor, cut: list[Segment], counts: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    token_ids: list[int] = []
    labels: list[int] = []
    for text, trained in cut:
        if PICTURE in text:
            text = expand(text, counts)
        piece = processor.token_ids(text)
        token_ids += piece
        labels += piece if trained else [IGNORED] * len(piece)
    return torch.tensor(token_ids, dtype=torch.long), torch.tensor(labels, dtype=torch.long)


def look(scene: Scene, picture: Picture, grid: list[int]) -> torch.Tensor:
    """What each visual token lies on, int64 [visual tokens, SIGHT]; see `Encoded.sights`."""
    rows, columns = grid[1] // 2, grid[2] // 2
    parts = owners(scene, picture, rows, columns)
    cover = np.stack([(parts == i).sum(axis=1) for i in range(len(scene.shapes) + 1)], axis=1)
    kinds = np.array([0] + [KINDS.index(shape.kind) + 1 for shape in scene.shapes])
    colors = np.array([0] + [COLORS.index(shape.color) + 1 for shape in scene.shapes])
    covered = cover[:, 1:].max(axis=1)
    places = np.array([0] + [shape.cell + 1 for shape in scene.shapes])
    index = np.where(covered >= LEAST_COVER, cover[:, 1:].argmax(axis=1) + 1, 0)
    sights = np.stack([kinds[index], colors[index], places[index]], axis=1)
    sights[(covered > 0) & (covered < LEAST_COVER)] = IGNORED
    return torch.from_numpy(np.concatenate([sights, parts > 0], axis=1, dtype=np.int64))


def owners(scene: Scene, picture: Picture, rows: int, columns: int) -> np.ndarray:
    """Who owns each part of each visual token: 0 or the shape's number, [tokens, CELL * CELL]."""
    mask = Image.new("L", (columns * CELL, rows * CELL))
    draw = ImageDraw.Draw(mask)
    across, down = mask.width / scene.width, mask.height / scene.height
    for index, outline in enumerate(picture.outlines):
        draw.polygon([(x * across, y * down) for x, y in outline], fill=index + 1)
    blocks = np.asarray(mask).reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3)
    return blocks.reshape(rows * columns, CELL * CELL)
