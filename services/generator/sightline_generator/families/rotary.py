"""Rotary positions in three dimensions."""

from __future__ import annotations

import torch

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


class MultimodalRotary:
    """Rotates the first dimensions of every head by M-RoPE, in interleaved pairs.

    Pair i turns by its frequency times the position along axis `axes[i]` (time, height or
    width), as Qwen2-VL introduced it (Wang et al., 2024) and GLM-4V uses it. Angles are
    float32 whatever the model's type, as in training.
    """

    def __init__(
        self, frequencies: torch.Tensor, sections: list[int], scaling: float, dtype: torch.dtype
    ) -> None:
        """Takes frequencies [num_pairs] and how many consecutive pairs each axis gets in turn."""
        assert sum(sections) == len(frequencies), "sections and pairs do not match"
        axes = [number % 3 for number, count in enumerate(sections) for _ in range(count)]
        self._frequencies = frequencies.float()
        self._axes = torch.tensor(axes, device=frequencies.device)
        self._scaling = scaling
        self._dtype = dtype if dtype in _COMPLEX else torch.float32

    @property
    def num_pairs(self) -> int:
        return len(self._frequencies)

    def table(self, position_ids: torch.Tensor) -> torch.Tensor:
        """Returns the rotations [num_tokens, 1, num_pairs] of a step as complex numbers."""
        positions = position_ids.index_select(0, self._axes).t().contiguous().float()
        angles = positions * self._frequencies
        cos, sin = angles.cos() * self._scaling, angles.sin() * self._scaling
        return torch.complex(cos.to(self._dtype), sin.to(self._dtype))[:, None]


def rotate(heads: torch.Tensor, table: torch.Tensor) -> None:
    """Rotates [num_tokens, num_heads, head_size] in place; 16-bit types through float32."""
    num_rotated = 2 * table.shape[-1]
    rotated = heads[..., :num_rotated]
    pairs = (*rotated.shape[:-1], -1, 2)
    if heads.dtype in _COMPLEX:
        torch.view_as_complex(rotated.view(*pairs)).mul_(table)
    else:
        turned = torch.view_as_complex(rotated.float().view(*pairs)) * table
        rotated.copy_(torch.view_as_real(turned).flatten(-2))
