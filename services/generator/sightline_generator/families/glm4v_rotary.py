"""GLM-4V's rotary frequencies, as transformers' `Glm4vTextRotaryEmbedding` has them.

That class is not asked: its module imports all that transformers trains and shards with, which
takes longer than the rest of a start.
"""

from __future__ import annotations

import torch
from sightline_common.checkpoint import CheckpointError
from transformers import Glm4vTextConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from sightline_generator.families.rotary import MultimodalRotary

_STATIC_ROPE_TYPES = frozenset({"default", "linear", "yarn", "llama3"})
"""Those whose frequencies do not depend on the length of the sequence."""
_USUAL_SECTIONS = (8, 12, 12)


def rotary_of(config: Glm4vTextConfig, like: torch.Tensor) -> MultimodalRotary:
    """Returns a configuration's rotations, on the device and in the type of a tensor.

    Raises CheckpointError where frequencies would change, or sections do not fit them.
    """
    kind = config.rope_parameters["rope_type"]
    if kind not in _STATIC_ROPE_TYPES:
        known = ", ".join(sorted(_STATIC_ROPE_TYPES))
        raise CheckpointError(f"config.json has rope_type {kind!r}; this server knows {known}.")
    compute = _default_frequencies if kind == "default" else ROPE_INIT_FUNCTIONS[kind]
    frequencies, scaling = compute(config)
    sections = list(config.rope_parameters.get("mrope_section", _USUAL_SECTIONS))
    if sum(sections) != len(frequencies):
        raise CheckpointError(
            f"mrope_section {sections} of config.json does not add up to {len(frequencies)}."
        )
    return MultimodalRotary(frequencies.to(like.device), sections, scaling, like.dtype)


def _default_frequencies(config: Glm4vTextConfig) -> tuple[torch.Tensor, float]:
    """Returns the frequencies [num_pairs] of RoFormer (Su et al., 2021), and no scaling."""
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    size = int(head * config.rope_parameters.get("partial_rotary_factor", 1.0))
    exponents = torch.arange(0, size, 2, dtype=torch.float) / size
    return 1.0 / config.rope_parameters["rope_theta"] ** exponents, 1.0
