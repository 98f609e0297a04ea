"""A checkpoint's image processor, read without importing transformers where that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sightline_common.checkpoint import Checkpoint

from sightline_encoder.pixel_budget import PixelBudget

_TYPES = ("Glm4vImageProcessor", "Glm46VImageProcessor")
_STEPS = ("do_resize", "do_rescale", "do_normalize", "do_convert_rgb")


@dataclass(frozen=True)
class ImageProcessor:
    """What the image processors of GLM-4V state, by the same names and with their defaults."""

    size: PixelBudget
    patch_size: int = 14
    temporal_patch_size: int = 2
    merge_size: int = 2
    resample: int = 3
    rescale_factor: float = 1 / 255
    image_mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    image_std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)


def read_image_processor(checkpoint: Checkpoint) -> Any:
    """Returns a checkpoint's image processor in its PIL form, without remote code.

    An unusual one is transformers' own, whose import takes seconds. Raises what it raises for
    settings that make no sense.
    """
    return usual_processor(checkpoint.image_processor) or _of_transformers(checkpoint)


def usual_processor(settings: Mapping[str, Any]) -> ImageProcessor | None:
    """Returns a processor all of whose settings are of the usual kinds, else None."""
    kind = str(settings.get("image_processor_type")).removesuffix("Fast")
    has_all_steps = all(settings.get(step, True) is True for step in _STEPS)
    if kind not in _TYPES or "auto_map" in settings or not has_all_steps:
        return None
    values = {f.name: settings[f.name] for f in fields(ImageProcessor) if f.name in settings}
    if not all(_IS_USUAL[name](value) for name, value in values.items()) or "size" not in values:
        return None
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return ImageProcessor(**{**values, **lists, "size": PixelBudget(**values["size"])})


def _is_whole(value: object) -> bool:
    return type(value) is int and value > 0


def _is_triple(value: object) -> bool:
    return isinstance(value, list) and [type(part) for part in value] == [float] * 3


def _is_size(value: object) -> bool:
    names = {"shortest_edge", "longest_edge"}
    return isinstance(value, dict) and value.keys() == names and all(map(_is_whole, value.values()))


_IS_USUAL = {
    "size": _is_size,
    "patch_size": _is_whole,
    "temporal_patch_size": _is_whole,
    "merge_size": _is_whole,
    "resample": _is_whole,
    "rescale_factor": lambda value: type(value) is float,
    "image_mean": _is_triple,
    "image_std": _is_triple,
}


def _of_transformers(checkpoint: Checkpoint) -> Any:
    import transformers

    return transformers.AutoImageProcessor.from_pretrained(
        checkpoint.folder, backend="pil", trust_remote_code=False, local_files_only=True
    )
