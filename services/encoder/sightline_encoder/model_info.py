"""What an encoder says of the model that it serves."""

from __future__ import annotations

from importlib.metadata import version

from sightline.encoder.v1 import encoder_pb2
from sightline.type.v1 import media_pb2
from sightline_common.tensors import DATA_TYPES

from sightline_encoder.image import MIME_TYPES
from sightline_encoder.loaded_model import LoadedModel
from sightline_encoder.preprocess import Preprocessor
from sightline_encoder.video_file import VIDEO_MIME_TYPES


def model_info(model: LoadedModel, fingerprint: str) -> encoder_pb2.GetModelInfoResponse:
    """Describes what is served."""
    tower, limits = model.tower, model.preprocessor.limits
    bounds = model.preprocessor.budget_bounds
    return encoder_pb2.GetModelInfoResponse(
        checkpoint_fingerprint=model.checkpoint.fingerprint,
        feature_fingerprint=fingerprint,
        architecture=model.checkpoint.config["model_type"],
        data_type=DATA_TYPES[tower.placement.dtype],
        hidden_size=tower.hidden_size,
        patch_size=tower.patch_size,
        merge_size=tower.merge_size,
        media_kinds=_media_kinds(model.preprocessor),
        mime_types=_mime_types(model.preprocessor),
        max_byte_count=limits.max_file_bytes,
        max_pixel_count=limits.max_pixels,
        device=str(tower.placement.device),
        version=version("sightline-encoder"),
        attention=tower.attention,
        default_pixel_budget=bounds.default,
        max_pixel_budget=bounds.whole,
        max_tiled_pixel_budget=bounds.tiled if tower.takes_tiles else 0,
    )


def _media_kinds(preprocessor: Preprocessor) -> list[media_pb2.MediaKind]:
    videos = [media_pb2.MEDIA_KIND_VIDEO] if preprocessor.takes_videos else []
    return [media_pb2.MEDIA_KIND_IMAGE, *videos]


def _mime_types(preprocessor: Preprocessor) -> list[str]:
    videos = VIDEO_MIME_TYPES.values() if preprocessor.takes_videos else ()
    return [*MIME_TYPES.values(), *videos]
