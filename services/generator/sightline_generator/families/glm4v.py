"""GLM-4V: GLM-4.1V, GLM-4.6V-Flash and checkpoints of their form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from sightline_common.checkpoint import CheckpointError
from torch import nn
from transformers import AttentionInterface, Glm4vTextConfig, Glm4vTextModel
from transformers.masking_utils import AttentionMaskInterface

from sightline_generator.families.base import (
    AttendFunction,
    ChatSyntax,
    Family,
    MediaKind,
    MediumGrid,
    ModelShape,
    PlaceholderRange,
    PromptPositions,
)

ATTENTION_NAME = "sightline_paged"
_LANGUAGE_MODEL_PREFIX = "model.language_model."
_HEAD = "lm_head.weight"


def _paged_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    scaling: float,
    attend: AttendFunction,
    **_unused: object,
) -> tuple[torch.Tensor, None]:
    """Hands a layer's heads, [1, num_heads, num_tokens, head_size], to the caller's attention."""
    query, key, value = (heads[0].transpose(0, 1) for heads in (query, key, value))
    return attend(module.layer_idx, query, key, value, scaling)[None], None


def _no_mask(**_unused: object) -> None:
    """Stands for transformers' mask: the paged attention knows every sequence's length."""


AttentionInterface.register(ATTENTION_NAME, _paged_attention)
AttentionMaskInterface.register(ATTENTION_NAME, _no_mask)


class Glm4vLanguageModel:
    """transformers' decoder layers over one flattened batch."""

    def __init__(self, model: Glm4vTextModel, head: torch.Tensor) -> None:
        self._model = model
        self._head = head

    def embed(self, token_ids: torch.Tensor) -> torch.Tensor:
        embeddings: torch.Tensor = self._model.embed_tokens(token_ids)
        return embeddings

    def forward(
        self, embeddings: torch.Tensor, position_ids: torch.Tensor, attend: AttendFunction
    ) -> torch.Tensor:
        output = self._model(
            inputs_embeds=embeddings[None],
            position_ids=position_ids[:, None],
            use_cache=False,
            attend=attend,
        )
        hidden: torch.Tensor = output.last_hidden_state[0]
        return hidden

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(hidden, self._head)


class Glm4vFamily(Family):
    """Reads the published layout: `model.language_model.*` and `lm_head.weight`."""

    model_types = frozenset({"glm4v", "glm46v"})
    syntax = ChatSyntax(
        think_start="<think>",
        think_end="</think>",
        visible_specials=frozenset({"<|begin_of_box|>", "<|end_of_box|>"}),
    )

    def __init__(self, config: Mapping[str, Any]) -> None:
        try:
            self._text = Glm4vTextConfig(**config["text_config"])
            self._image_token_id = int(config["image_token_id"])
            self._merge = int(config["vision_config"].get("spatial_merge_size", 2))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json is not of the GLM-4V form: {error!r}") from error

    @property
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
        return {self._image_token_id: MediaKind.IMAGE}

    def rename_tensor(self, name: str) -> str | None:
        if name == _HEAD:
            return name
        if name.startswith(_LANGUAGE_MODEL_PREFIX):
            return name.removeprefix(_LANGUAGE_MODEL_PREFIX)
        return None

    def build(self, tensors: dict[str, torch.Tensor], device: torch.device) -> Glm4vLanguageModel:
        placed = {name: tensor.to(device) for name, tensor in tensors.items()}
        head = placed.pop(_HEAD, None)
        with torch.device("meta"):
            model = Glm4vTextModel._from_config(self._text, attn_implementation=ATTENTION_NAME)
        try:
            model.load_state_dict(placed, assign=True)
        except RuntimeError as error:
            raise CheckpointError(f"The weights do not fit config.json: {error}") from error
        # Its frequencies are computed, not stored, and so were left on "meta".
        model.rotary_emb = type(model.rotary_emb)(config=self._text).to(device)
        model.requires_grad_(False).eval()
        return Glm4vLanguageModel(model, model.embed_tokens.weight if head is None else head)

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
