"""Samples as the tensors that the model is trained on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw

from training.learning.glyphs import IGNORED as IGNORED
from training.learning.glyphs import SLOTS, glyph_labels
from training.learning.positions import mrope_positions
from training.learning.sample import Sample, Subject, Talk
from training.processing import IMAGE_TOKEN, Patches, Processor, expand
from training.world.picture import Picture
from training.world.scene import COLORS, KINDS, Scene

PICTURE = "<|begin_of_image|><|image|><|end_of_image|>"
CELL = 4  # the resolution of coverage, per side of a visual token
LEAST_COVER = 4  # of CELL * CELL
GLYPHS = 3 + CELL * CELL  # where the characters begin
SIGHT = GLYPHS + SLOTS


@dataclass(frozen=True)
class Encoded:
    """One sample: what its conversations share, and behind it each of them, a branch.

    token_ids, labels, branches: int64 [tokens]. A label is the token itself where it is trained.
    A token of branch n sees, of what is before it, branch n and branch 0, the shared part.
    positions: int64 [3, tokens], for M-RoPE.
    sights: int64 [visual tokens, SIGHT]. First kind, colour and place of the shape that a visual
    token lies on: 0 for the ground, otherwise one more than the index, IGNORED at a border. Then
    which parts of the token's square lie on a shape, 1 or 0, row by row. These are IGNORED where
    the picture shows something else than a scene. Last the printed characters, see `glyph_labels`,
    IGNORED in scenes.
    """

    token_ids: torch.Tensor
    labels: torch.Tensor
    branches: torch.Tensor
    positions: torch.Tensor
    patches: Patches | None
    sights: torch.Tensor


@dataclass(frozen=True)
class Segment:
    """A piece of a conversation in the template's syntax, cut where training begins or ends.

    spelt: parts of the text, in their order, that become tokens character by character.
    """

    text: str
    trained: bool
    branch: int
    spelt: tuple[str, ...] = ()

    def pieces(self) -> Iterator[str]:
        """The text in the pieces that the tokenizer sees alone."""
        text = self.text
        for part in self.spelt:
            before, _, text = text.partition(part)
            yield from (before, *part)
        yield text


def segments(sample: Sample) -> Iterator[Segment]:
    if not sample.talks:
        return
    pictures = PICTURE * sample.first_pictures()
    before, after = ("", pictures) if sample.picture_last else (pictures, "")
    yield Segment(f"[gMASK]<sop><|user|>\n{before}", False, 0)
    for index, talk in enumerate(sample.talks):
        yield from talk_segments(talk, after, index + 1)


def talk_segments(talk: Talk, after: str, branch: int) -> Iterator[Segment]:
    """The conversation from its first question on; `after` is what follows that question."""
    last = len(talk.exchanges) - 1
    for index, exchange in enumerate(talk.exchanges):
        later = PICTURE * exchange.pictures
        question = f"\n{later}{exchange.question}" if index else exchange.question + after
        yield Segment(f"{question}<|assistant|>\n", False, branch)
        if index == last and talk.thought is not None:
            yield Segment(f"<think>{talk.thought}</think>\n", True, branch)
        else:
            yield Segment("<think></think>\n", False, branch)
        yield Segment(f"{exchange.answer}<|user|>", True, branch, exchange.spelt)


def encode(processor: Processor, sample: Sample) -> Encoded:
    images = [picture.image for picture in sample.pictures]
    patches = processor.patches(images) if images else None
    counts = patches.token_counts() if patches is not None else []
    grid = patches.grid if patches else torch.empty(0, 3, dtype=torch.long)
    sights = [
        look(subject, picture, rows)
        for subject, picture, rows in zip(
            sample.subjects, sample.pictures, grid.tolist(), strict=True
        )
    ]
    nothing = torch.empty(0, SIGHT, dtype=torch.long)
    token_ids, labels, branches = tokenized(processor, segments(sample), counts)
    picture_id = processor.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    positions = mrope_positions(token_ids == picture_id, branches, grid)
    return Encoded(token_ids, labels, branches, positions, patches, torch.cat([nothing, *sights]))


def tokenized(
    processor: Processor, cut: Iterable[Segment], counts: list[int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, labels and branches, int64 [tokens] each."""
    rows: list[tuple[int, int, int]] = []
    left = list(counts)
    for segment in cut:
        here = segment.text.count(PICTURE)
        texts = [expand(segment.text, left[:here])] if here else segment.pieces()
        del left[:here]
        for token in itertools.chain.from_iterable(map(processor.token_ids, texts)):
            rows.append((token, token if segment.trained else IGNORED, segment.branch))
    token_ids, labels, branches = torch.tensor(rows, dtype=torch.long).reshape(-1, 3).T
    return token_ids, labels, branches


def look(subject: Subject, picture: Picture, grid: list[int]) -> torch.Tensor:
    """What each visual token lies on, int64 [visual tokens, SIGHT]; see `Encoded.sights`."""
    rows, columns = grid[1] // 2, grid[2] // 2
    if isinstance(subject, Scene):
        shapes = look_at_scene(subject, picture, rows, columns)
        return torch.cat([shapes, torch.full((rows * columns, SLOTS), IGNORED)], dim=1)
    glyphs = glyph_labels(picture.glyphs, picture.image.size, rows, columns)
    return torch.cat([torch.full((rows * columns, GLYPHS), IGNORED), glyphs], dim=1)


def look_at_scene(scene: Scene, picture: Picture, rows: int, columns: int) -> torch.Tensor:
    """The labels of shapes, int64 [visual tokens, GLYPHS]."""
    parts = owners(scene, picture, rows, columns)
    cover = np.stack([(parts == i).sum(axis=1) for i in range(len(scene.shapes) + 1)], axis=1)
    kinds = np.array([0] + [KINDS.index(shape.kind) + 1 for shape in scene.shapes])
    colors = np.array([0] + [COLORS.index(shape.color) + 1 for shape in scene.shapes])
    covered = cover[:, 1:].max(axis=1)
    places = np.array([0] + [shape.cell + 1 for shape in scene.shapes])
    # A small shape may lie on the corner of four tokens and fill none.
    index = np.zeros(len(cover), dtype=np.int64)
    index[cover[:, 1:].argmax(axis=0)] = np.arange(len(scene.shapes)) + 1
    index = np.where(covered >= LEAST_COVER, cover[:, 1:].argmax(axis=1) + 1, index)
    sights = np.stack([kinds[index], colors[index], places[index]], axis=1)
    sights[(covered > 0) & (index == 0)] = IGNORED
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
