"""What a generator tells of itself."""

from __future__ import annotations

from importlib.metadata import version

from sightline.generator.v1 import generator_pb2
from sightline.type.v1 import media_pb2
from sightline_common.tensors import DATA_TYPES

from sightline_generator.config import GeneratorSettings
from sightline_generator.conversion import default_sampling_message
from sightline_generator.engine.model_runner import kv_block_bytes
from sightline_generator.families.base import MediaKind
from sightline_generator.loaded_model import LoadedModel, max_model_len


def videos_supported(model: LoadedModel) -> bool:
    """Tells whether the checkpoint has a token and a processor for videos."""
    has_token = MediaKind.VIDEO in model.family.placeholder_ids.values()
    return has_token and model.checkpoint.video_processor is not None


def _media_kinds(model: LoadedModel) -> list[media_pb2.MediaKind]:
    videos = [media_pb2.MEDIA_KIND_VIDEO] if videos_supported(model) else []
    return [media_pb2.MEDIA_KIND_IMAGE, *videos]


def model_info(
    model: LoadedModel, settings: GeneratorSettings
) -> generator_pb2.GetModelInfoResponse:
    """Describes what is served."""
    cache = model.runner.cache
    block_bytes = kv_block_bytes(model.family.shape, cache.block_size, cache.dtype)
    return generator_pb2.GetModelInfoResponse(
        model=settings.served_name,
        checkpoint_fingerprint=model.fingerprint,
        architecture=str(model.checkpoint.config["model_type"]),
        max_token_count=max_model_len(model, settings),
        max_message_byte_count=settings.max_message_bytes,
        max_media_count=settings.max_media,
        media_kinds=_media_kinds(model),
        default_sampling=default_sampling_message(model.defaults),
        default_max_token_count=settings.default_max_tokens,
        attention=model.runner.attention_name,
        data_type=DATA_TYPES[cache.dtype],
        device=str(model.device),
        block_token_count=cache.block_size,
        block_count=cache.num_blocks,
        kv_cache_byte_count=cache.num_blocks * block_bytes,
        prefix_caching=settings.prefix_cache,
        vocabulary_size=model.family.shape.vocabulary_size,
        thinking_supported=model.template.thinking_supported,
        version=version("sightline-generator"),
    )
