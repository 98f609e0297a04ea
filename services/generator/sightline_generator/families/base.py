"""The interface between model types and everything else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Protocol

import torch

from sightline_generator.attention.base import Feature, KVSpec
from sightline_generator.native.rows import Rows

AttendFunction = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]
"""Writes a layer's new keys and values and attends.

Takes the layer's index, query [num_tokens, num_query_heads, head_size], key and value
[num_tokens, num_kv_heads, head_size], and the scale; returns the query's shape.
"""

Caches = Sequence[tuple[torch.Tensor, torch.Tensor]]
"""The key and value caches [num_blocks, block_size, num_kv_heads, head_size] of all layers."""


class NativeForward(Protocol):
    """Computes all layers over paged caches in one call."""

    def __call__(
        self,
        embeddings: torch.Tensor,
        position_ids: torch.Tensor,
        slots: torch.Tensor,
        rows: Rows,
        wanted: torch.Tensor | None,
    ) -> torch.Tensor:
        """Returns the last hidden states [num_wanted, hidden_size]; may overwrite embeddings.

        `wanted` [num_wanted] int64 are rows in ascending order; None wants all.
        """
        ...


class MediaKind(Enum):
    """Tells pictures from videos."""

    IMAGE = "image"
    VIDEO = "video"


@dataclass(frozen=True)
class MediumGrid:
    """Gives a medium's patches before merging: frame groups, rows, columns."""

    time: int
    height: int
    width: int


@dataclass(frozen=True)
class MediumShape:
    """Gives all of a medium that its prompt depends on.

    `timestamps` are the seconds at which a video's frame groups begin.
    """

    grid: MediumGrid
    timestamps: tuple[float, ...] = ()


@dataclass(frozen=True)
class SpecialToken:
    """Stands for a special token by its content."""

    content: str


@dataclass(frozen=True)
class FeatureRun:
    """Stands for the next features of a medium, those of one grid."""

    grid: MediumGrid


LayoutPiece = FeatureRun | SpecialToken | str
"""A part of what a medium is in a prompt; a string is text."""


@dataclass(frozen=True)
class PlaceholderRange:
    """Says which prompt positions one grid's features take.

    They are its medium's features from `feature_offset`.
    """

    offset: int
    length: int
    grid: MediumGrid
    feature_offset: int = 0


@dataclass(frozen=True)
class PromptPositions:
    """Gives position ids [3, num_tokens] int64, and what token index n > prompt adds to n."""

    position_ids: torch.Tensor
    delta: int


@dataclass(frozen=True)
class ModelShape:
    """Gives the sizes that memory and admission depend on."""

    num_layers: int
    num_kv_heads: int
    head_size: int
    hidden_size: int
    vocabulary_size: int
    max_positions: int

    @property
    def kv_specs(self) -> tuple[KVSpec, ...]:
        """The groups of layers that cache keys and values; decoders have one."""
        return (KVSpec(self.num_layers, self.num_kv_heads, self.head_size),)


@dataclass(frozen=True)
class ChatSyntax:
    """Names the tokens that structure an answer."""

    think_start: str
    think_end: str
    visible_specials: frozenset[str]


class LanguageModel(Protocol):
    """A loaded decoder that leaves attention to its caller."""

    def embed(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Returns embeddings [num_tokens, hidden_size]."""
        ...

    def forward(
        self, embeddings: torch.Tensor, position_ids: torch.Tensor, attend: AttendFunction
    ) -> torch.Tensor:
        """Returns the last hidden states [num_tokens, hidden_size]."""
        ...

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Returns logits [num_rows, vocabulary_size] of chosen rows."""
        ...

    def native(self, caches: Caches) -> NativeForward | None:
        """Returns a native computation over these caches; None where there is none."""
        ...


class Family(ABC):
    """Knows one kind of checkpoint: tensors, placeholders, positions, chat syntax."""

    model_types: ClassVar[frozenset[str]]
    syntax: ClassVar[ChatSyntax]
    attention_features: ClassVar[frozenset[Feature]] = frozenset()
    """What attention must offer beyond causal lengths."""

    @abstractmethod
    def __init__(self, config: Mapping[str, Any], processor_class: str = "") -> None:
        """Takes the parsed config.json, and the processor's name if it is known."""

    @property
    @abstractmethod
    def shape(self) -> ModelShape: ...

    @property
    @abstractmethod
    def placeholder_ids(self) -> Mapping[int, MediaKind]:
        """Maps the token ids that stand for media to their kind."""

    @property
    @abstractmethod
    def feature_token_id(self) -> int:
        """The token id at every position that a feature takes, whatever its medium."""

    @abstractmethod
    def layout(self, kind: MediaKind, shape: MediumShape) -> list[LayoutPiece]:
        """Returns what stands in the prompt in place of a medium's placeholder."""

    @abstractmethod
    def rename_tensor(self, name: str) -> str | None:
        """Returns the language model's name of a checkpoint tensor; None if not its own."""

    @abstractmethod
    def build(self, tensors: dict[str, torch.Tensor], device: torch.device) -> LanguageModel:
        """Makes the model of its renamed tensors, which it takes away; raises CheckpointError."""

    @abstractmethod
    def token_count(self, grid: MediumGrid) -> int:
        """Returns the tokens that a grid takes in the prompt."""

    @abstractmethod
    def positions(self, num_tokens: int, ranges: Sequence[PlaceholderRange]) -> PromptPositions:
        """Returns the positions of a prompt whose `ranges` are in ascending order."""
