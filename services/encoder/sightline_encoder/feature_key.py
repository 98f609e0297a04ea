"""What identifies features: everything that changes them, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from sightline_common.digest import combined_digest

from sightline_encoder.pixel_budget import FrameBudget, PixelBudget

if TYPE_CHECKING:
    import torch

PREPROCESSING_VERSION = f"2-pillow{version('pillow')}-transformers{version('transformers')}"
"""Changes with what resizes: two resizers may round differently."""
PAYLOAD_VERSION = "1"
"""Changes when the tensors of a payload, or their order, change."""
TOWER_VERSION = "1"
"""Changes when the tower's layers, positions or attention compute other numbers."""
TILED = "tiled-1"
"""Changes when tiles are cut, placed or blended differently."""


def feature_fingerprint(
    checkpoint_fingerprint: str,
    dtype: torch.dtype,
    device_type: str,
    attention: str,
) -> str:
    """Returns the digest of all that changes features on the encoder's side.

    Kernels of another device or attention round differently.
    """
    element_type = str(dtype).removeprefix("torch.")
    return combined_digest(
        [
            "features",
            checkpoint_fingerprint,
            element_type,
            device_type,
            attention,
            TOWER_VERSION,
            PREPROCESSING_VERSION,
            PAYLOAD_VERSION,
        ]
    )


@dataclass(frozen=True)
class FeatureRequest:
    """Names the wanted features, defaults filled in.

    `digest` is over the file's bytes. `similar_allowed` says that a similar picture's
    features would do; it does not name others, so it is no part of the key. Options that
    cannot change the features of this kind (a picture's frame rate) are not here.
    """

    digest: str
    kind: str
    budget: PixelBudget | FrameBudget
    salt: str
    tiled: bool = False
    similar_allowed: bool = False

    def key(self, fingerprint: str) -> str:
        """Returns the features' key for an encoder with this feature fingerprint."""
        parts = (TILED if self.tiled else "whole", *self.budget.key_parts)
        return combined_digest([self.digest, fingerprint, self.kind, *parts, self.salt])

    def scope(self, fingerprint: str) -> str:
        """Returns what the keys of all pictures share that may stand for one another."""
        return replace(self, digest="").key(fingerprint)
