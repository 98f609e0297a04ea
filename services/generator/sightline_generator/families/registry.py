"""Finds the family of a checkpoint."""

from __future__ import annotations

from sightline_common.checkpoint import Checkpoint, CheckpointError

from sightline_generator.families.base import Family
from sightline_generator.families.glm4v import Glm4vFamily

FAMILIES: list[type[Family]] = [Glm4vFamily]


def family_of(checkpoint: Checkpoint) -> Family:
    """Returns the family that serves a checkpoint; raises CheckpointError if none does."""
    model_type = checkpoint.config.get("model_type")
    for family in FAMILIES:
        if model_type in family.model_types:
            return family(checkpoint.config, checkpoint.processor_class)
    known = ", ".join(sorted(name for family in FAMILIES for name in family.model_types))
    raise CheckpointError(
        f"{checkpoint.folder} is of model type {model_type!r}; this server knows {known}."
    )
