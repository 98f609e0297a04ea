"""GLM-4V: GLM-4.1V, GLM-4.6V-Flash and checkpoints of their form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from sightline_common.checkpoint import CheckpointError
from transformers import Glm4vTextConfig

from sightline_generator.families.base import (
    ChatSyntax,
    Family,
    FeatureRun,
    LayoutPiece,
    MediaKind,
    MediumGrid,
    MediumShape,
    ModelShape,
    PlaceholderRange,
    PromptPositions,
    SpecialToken,
)
from sightline_generator.families.glm4v_decoder import Glm4vDecoder, TensorSource
from sightline_generator.families.projection import make_projection

_LANGUAGE_MODEL_PREFIX = "model.language_model."
_HEAD = "lm_head.weight"
_PROCESSORS = {"glm4v": "Glm4vProcessor", "glm46v": "Glm46VProcessor"}
_IMAGE_START, _IMAGE_END = SpecialToken("<|begin_of_image|>"), SpecialToken("<|end_of_image|>")


class Glm4vFamily(Family):
    """Reads the published layout: `model.language_model.*` and `lm_head.weight`."""

    model_types = frozenset({"glm4v", "glm46v"})
    syntax = ChatSyntax(
        think_start="<think>",
        think_end="</think>",
        visible_specials=frozenset({"<|begin_of_box|>", "<|end_of_box|>"}),
    )

    def __init__(self, config: Mapping[str, Any], processor_class: str = "") -> None:
        name = processor_class or _PROCESSORS.get(config.get("model_type", ""), "")
        self._says_seconds = name == _PROCESSORS["glm46v"]
        video_token_id = config.get("video_token_id")
        self._video_token_id = None if video_token_id is None else int(video_token_id)
        try:
            self._text = Glm4vTextConfig(**config["text_config"])
            self._image_token_id = int(config["image_token_id"])
            self._merge = int(config["vision_config"].get("spatial_merge_size", 2))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json is not of the GLM-4V form: {error!r}") from error

    # Asked for every medium; a configuration's attributes take microseconds each.
    @cached_property
    def shape(self) -> ModelShape:
        text = self._text
        return ModelShape(
            num_layers=text.num_hidden_layers,
            num_kv_heads=text.num_key_value_heads,
            head_size=text.hidden_size // text.num_attention_heads,
            hidden_size=text.hidden_size,
            vocabulary_size=text.vocab_size,
            max_positions=text.max_position_embeddings,
        )

    @property
    def placeholder_ids(self) -> Mapping[int, MediaKind]:
        images = {self._image_token_id: MediaKind.IMAGE}
        if self._video_token_id is None:
            return images
        return {**images, self._video_token_id: MediaKind.VIDEO}

    @property
    def feature_token_id(self) -> int:
        return self._image_token_id

    def layout(self, kind: MediaKind, shape: MediumShape) -> list[LayoutPiece]:
        """A video is its frame groups, each a picture with the time at which it begins."""
        if kind is MediaKind.IMAGE:
            return [FeatureRun(shape.grid)]
        group = FeatureRun(MediumGrid(1, shape.grid.height, shape.grid.width))
        return [
            piece
            for seconds in shape.timestamps
            for piece in (_IMAGE_START, group, _IMAGE_END, self._time(seconds))
        ]

    def _time(self, seconds: float) -> str:
        """GLM-4.6V's processor writes tenths and the unit, GLM-4.1V's whole seconds."""
        return f"{seconds:.1f} seconds" if self._says_seconds else str(int(seconds))

    def rename_tensor(self, name: str) -> str | None:
        if name == _HEAD:
            return name
        if name.startswith(_LANGUAGE_MODEL_PREFIX):
            return name.removeprefix(_LANGUAGE_MODEL_PREFIX)
        return None

    def build(self, tensors: dict[str, torch.Tensor], device: torch.device) -> Glm4vDecoder:
        return Glm4vDecoder(self._text, TensorSource(tensors, device), make_projection)

    def token_count(self, grid: MediumGrid) -> int:
        return grid.time * grid.height * grid.width // self._merge**2

    def positions(self, num_tokens: int, ranges: Sequence[PlaceholderRange]) -> PromptPositions:
        pieces = list(self._position_pieces(num_tokens, ranges))
        position_ids = torch.cat(pieces, dim=1)
        return PromptPositions(position_ids, int(position_ids.max()) + 1 - num_tokens)

    def _position_pieces(
        self, num_tokens: int, ranges: Sequence[PlaceholderRange]
    ) -> Iterator[torch.Tensor]:
        """Yields runs of text, one position a token, and grids, one a row and column.

        M-RoPE as Qwen2-VL introduced it: after a grid the text goes on behind its longer
        side.
        """
        start, position = 0, 0
        for placeholder in ranges:
            length = placeholder.offset - start
            yield torch.arange(position, position + length).expand(3, -1)
            position += length
            grid = placeholder.grid
            rows, columns = grid.height // self._merge, grid.width // self._merge
            axes = torch.meshgrid(
                torch.arange(grid.time), torch.arange(rows), torch.arange(columns), indexing="ij"
            )
            yield torch.stack(axes).flatten(1) + position
            position += max(rows, columns)
            start = placeholder.offset + placeholder.length
        yield torch.arange(position, position + num_tokens - start).expand(3, -1)
