"""The peer: transformers' `generate` on one static batch, over the very same weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers.models.glm4v.modeling_glm4v import (
    Glm4vTextRotaryEmbedding,
    Glm4vVisionRotaryEmbedding,
)

from benchmarks.gpu.configuration import Config
from benchmarks.gpu.ours import Picture
from benchmarks.gpu.weights import meta_model


class GeneratePeer:
    """transformers' model with its default attention (SDPA) and its default cache."""

    def __init__(
        self, config: Config, weights: dict[str, torch.Tensor], device: torch.device
    ) -> None:
        self.device = device
        self._image_token_id: int = config["image_token_id"]
        model: Any = meta_model(config)
        model.load_state_dict(weights, assign=True)
        # Frequencies are computed, not stored, and so were left on "meta".
        text, visual = model.model.language_model, model.model.visual
        text.rotary_emb = Glm4vTextRotaryEmbedding(model.config.text_config).to(device)
        visual.rotary_pos_emb = Glm4vVisionRotaryEmbedding(model.config.vision_config).to(device)
        model.generation_config.eos_token_id = None
        model.generation_config.pad_token_id = 0
        self._model = model.eval().requires_grad_(False)

    @torch.inference_mode()
    def generate(
        self, prompts: list[list[int]], num_tokens: int, picture: Picture | None = None
    ) -> list[list[int]]:
        """Returns `num_tokens` tokens for each of equally long prompts, perhaps about a picture."""
        token_ids = torch.tensor(prompts, device=self.device)
        output = self._model.generate(
            input_ids=token_ids,
            attention_mask=torch.ones_like(token_ids),
            do_sample=False,
            min_new_tokens=num_tokens,
            max_new_tokens=num_tokens,
            **self._picture_inputs(token_ids, picture),
        )
        answers: list[list[int]] = output[:, token_ids.shape[1] :].tolist()
        return answers

    def _picture_inputs(
        self, token_ids: torch.Tensor, picture: Picture | None
    ) -> dict[str, torch.Tensor]:
        if picture is None:
            return {}
        pixels = picture.image.patches.to(self.device, self._model.dtype)
        return {
            "pixel_values": pixels,
            "image_grid_thw": torch.tensor([picture.image.grid], device=self.device),
            "mm_token_type_ids": (token_ids == self._image_token_id).int(),
        }
