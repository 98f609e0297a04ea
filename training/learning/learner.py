"""The model with its losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from transformers import Glm4vForConditionalGeneration, Glm46VImageProcessorPil
from transformers.models.glm4v.modeling_glm4v import Glm4vVisionAttention

from training.learning.dataset import Batch
from training.learning.encoding import IGNORED
from training.learning.fused_norm import fuse_norms
from training.learning.packed_attention import PackedAttention
from training.learning.patches import PatchProjection
from training.learning.sight import Sight, SightHead
from training.processing import normalized


@dataclass(frozen=True)
class Losses:
    """Scalars, in nats: of an answer's token, and of what visual tokens lie on."""

    answer: torch.Tensor
    sight: Sight


class Learner(nn.Module):
    """transformers' own model, and the auxiliary head beside it."""

    image_mean: torch.Tensor
    image_std: torch.Tensor

    def __init__(self, model: Glm4vForConditionalGeneration) -> None:
        super().__init__()
        self.model = model
        embedding = model.model.visual.patch_embed
        embedding.proj = PatchProjection(embedding.proj)
        fuse_norms(model)
        for name in ("image_mean", "image_std"):
            values = torch.tensor(getattr(Glm46VImageProcessorPil, name))
            self.register_buffer(name, values, persistent=False)
        self.sight_head = SightHead(model.config.vision_config.out_hidden_size)
        self.place(torch.device("cpu"))

    def place(self, device: torch.device, products: torch.dtype = torch.float32) -> Learner:
        """Moves to a device, with the attention that is fastest there for such products."""
        # torch's fused attention is slower backwards in bfloat16 on CPUs than matrix products.
        slow = device.type == "cpu" and products == torch.bfloat16
        attention = "eager" if slow else "sdpa"
        self.model.model.language_model.config._attn_implementation = attention
        if device.type == "cuda" and products == torch.bfloat16:
            for block in self.model.model.visual.blocks:
                if isinstance(block.attn, Glm4vVisionAttention):
                    block.attn = PackedAttention(block.attn)
        return self.to(device)

    def save_memory(self) -> None:
        """Recomputes each layer's activations on the way back instead of keeping them."""
        self.model.gradient_checkpointing_enable({"use_reentrant": False})

    def freeze_sight(self) -> None:
        """Leaves the vision tower and the auxiliary heads as they are from now on."""
        self.model.model.visual.requires_grad_(False)
        self.sight_head.requires_grad_(False)

    def forward(self, batch: Batch) -> Losses:
        outputs, sight = self.see(batch)
        if batch.token_ids.shape[1] == 0:
            return Losses(torch.zeros((), device=batch.token_ids.device), sight)
        hidden = self.model.model(
            input_ids=batch.token_ids,
            attention_mask=visible(batch.branches),
            position_ids=batch.positions,
            mm_encoder_outputs=outputs,
            use_cache=False,
        ).last_hidden_state
        return Losses(self.answer_loss(hidden, batch.labels), sight)

    def see(self, batch: Batch) -> tuple[dict[str, object], Sight]:
        if not len(batch.grid):
            nothing = torch.zeros((), device=batch.token_ids.device)
            return {}, Sight(nothing, nothing, nothing, nothing, nothing)
        pixels = normalized(batch.patches, self.image_mean, self.image_std)
        largest = int(batch.grid.prod(dim=1).max())
        image = self.model.model.get_image_features(
            pixels, batch.grid, return_dict=True, max_seqlen=largest
        )
        features = torch.cat(list(image.pooler_output))
        return {"image": image}, self.sight_head(features, batch.sights)

    def answer_loss(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The vocabulary is wide, so only the trained positions are projected to it."""
        targets = labels[:, 1:]
        trained = targets != IGNORED
        logits = self.model.lm_head(hidden[:, :-1][trained])
        return functional.cross_entropy(logits.float(), targets[trained])


def visible(branches: torch.Tensor) -> torch.Tensor:
    """What may be attended to, as a bias of 0 or a huge negative number.

    branches: int64 [sequences, tokens], see `Encoded`; returns [sequences, 1, tokens, tokens].
    """
    same = branches[:, :, None] == branches[:, None, :]
    seen = (same | (branches == 0)[:, None, :]).tril()
    # A wider bias would widen the scores of autocast's products, and halve the speed.
    bias = torch.zeros(seen.shape, dtype=products_dtype(seen.device), device=seen.device)
    return bias.masked_fill(~seen, torch.finfo(torch.bfloat16).min)[:, None]


def products_dtype(device: torch.device) -> torch.dtype:
    """What matrix products are computed in here and now."""
    known = torch.amp.is_autocast_available(device.type)
    if known and torch.is_autocast_enabled(device.type):
        return torch.get_autocast_dtype(device.type)
    return torch.float32
