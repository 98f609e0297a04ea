"""The vision tower's attention, all pictures of a batch in one call."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention.varlen import varlen_attn
from transformers.models.glm4v.modeling_glm4v import Glm4vVisionAttention


class PackedAttention(nn.Module):
    """transformers' own, with its parameters, for GPUs that multiply bfloat16.

    Without the library flash-attn transformers calls attention once a picture, and asks the GPU for
    their lengths in every layer.
    """

    def __init__(self, attention: Glm4vVisionAttention) -> None:
        super().__init__()
        self.qkv, self.proj = attention.qkv, attention.proj
        self.heads, self.scaling = attention.num_heads, attention.scaling

    def forward(
        self,
        hidden_states: torch.Tensor,
        cu_seqlens: torch.Tensor,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        max_seqlen: int,
        **_unused: object,
    ) -> torch.Tensor:
        """float [patches, hidden] to the same.

        cu_seqlens: int32 [pictures + 1], where each begins; max_seqlen: patches of the largest;
        position_embeddings: cosines and sines, float [patches, head size] each.
        """
        together = self.qkv(hidden_states).unflatten(1, (3, self.heads, -1))
        query, key = rotated(together[:, :2], *position_embeddings).bfloat16().unbind(1)
        value = together[:, 2].bfloat16()
        bounds = (cu_seqlens, cu_seqlens, max_seqlen, max_seqlen)
        seen = varlen_attn(query, key, value, *bounds, scale=self.scaling)
        assert isinstance(seen, torch.Tensor)  # no auxiliary results were asked for
        mixed: torch.Tensor = self.proj(seen.flatten(1))
        return mixed


def rotated(vectors: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Vectors [patches, any, heads, size] turned by the angles of their patches, in float32."""
    first, second = vectors.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    return vectors * cosines[:, None, None].float() + turned * sines[:, None, None].float()
