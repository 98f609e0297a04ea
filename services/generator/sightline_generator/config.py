"""Settings of the generator service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sightline_common.channel import DEFAULT_MAX_MESSAGE_BYTES
from sightline_common.config import SettingInvalidError, check_choice, setting
from sightline_common.service_settings import ServiceSettings, optional_port
from sightline_common.telemetry import LOG_LEVELS

from sightline_generator.encoder_targets import EncoderTargets

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")


@dataclass(frozen=True)
class GeneratorSettings(ServiceSettings):
    """What the environment says about this service."""

    model: str = setting(
        "SIGHTLINE_MODEL",
        "the checkpoint: a folder or a hub id",
        default="models/sightline-nano",
    )
    model_name: str = setting(
        "SIGHTLINE_MODEL_NAME",
        "the model's name in APIs; by default the last part of SIGHTLINE_MODEL",
        default="",
    )
    host: str = setting("SIGHTLINE_GENERATOR_HOST", "the address to listen on", default="127.0.0.1")
    port: int = setting(
        "SIGHTLINE_GENERATOR_PORT", "the port to listen on", default=50052, minimum=0
    )
    health_port: int = optional_port(
        "SIGHTLINE_GENERATOR_HEALTH_PORT", "the port of health checks in plaintext alone"
    )
    metrics_port: int = optional_port(
        "SIGHTLINE_GENERATOR_METRICS_PORT", "the port of the page of metrics, /metrics"
    )
    encoder_target: str = setting(
        "SIGHTLINE_ENCODER_TARGET",
        "host:port of the encoder, or of several, with commas; dns:///host:port stands for one "
        "at every address of the name",
        default="127.0.0.1:50051",
    )
    device: str = setting(
        "SIGHTLINE_GENERATOR_DEVICE",
        "where the model runs: auto, cpu, cuda or cuda:<n>",
        default="auto",
    )
    dtype: str = setting(
        "SIGHTLINE_GENERATOR_DTYPE",
        "auto (float32 on cpu, bfloat16 on cuda), float32, bfloat16, float16 or float64",
        default="auto",
    )
    attention: str = setting(
        "SIGHTLINE_GENERATOR_ATTENTION",
        "auto (the best that the machine has), flash-attn-3, flash-attn-2, torch-flash, "
        "torch-flash-paged, paged-cpu or sdpa",
        default="auto",
    )
    cuda_graphs: bool = setting(
        "SIGHTLINE_GENERATOR_CUDA_GRAPHS",
        "whether decoding steps are captured in CUDA graphs at start; without effect on cpu and "
        "with sdpa, which cannot be captured",
        default=True,
    )
    overlap: str = setting(
        "SIGHTLINE_GENERATOR_OVERLAP",
        "whether the next step is scheduled while the device computes one: "
        "auto (on cuda), on or off",
        default="auto",
    )
    kv_cache_bytes: int = setting(
        "SIGHTLINE_GENERATOR_KV_CACHE_BYTES",
        "memory of the KV cache; 0 takes a share of what is free after loading",
        default=0,
        minimum=0,
    )
    kv_cache_share: float = setting(
        "SIGHTLINE_GENERATOR_KV_CACHE_SHARE",
        "the KV cache's share of the memory that is free after loading; "
        "0 means 0.9 on cuda and 0.25 on cpu",
        default=0.0,
        minimum=0,
        maximum=1,
    )
    prefix_cache: bool = setting(
        "SIGHTLINE_GENERATOR_PREFIX_CACHE",
        "whether prompts that begin alike share their KV cache",
        default=True,
    )
    max_num_seqs: int = setting(
        "SIGHTLINE_GENERATOR_MAX_NUM_SEQS",
        "the most sequences that run together",
        default=32,
        minimum=1,
    )
    max_num_batched_tokens: int = setting(
        "SIGHTLINE_GENERATOR_MAX_NUM_BATCHED_TOKENS",
        "the most tokens that one step computes",
        default=1024,
        minimum=16,
    )
    max_step_s: float = setting(
        "SIGHTLINE_GENERATOR_MAX_STEP_S",
        "about how many seconds a step may take that computes a prompt while answers are written, "
        "unless decoding alone takes more than half of it; bounds the pieces of long prompts",
        default=0.03,
        minimum=0.001,
    )
    stream_interval_s: float = setting(
        "SIGHTLINE_GENERATOR_STREAM_INTERVAL_S",
        "the longest in seconds that an answer's tokens are joined into one message, the first "
        "excepted; 4 ms for each answer that is written, where that is less; 0 sends each at once",
        default=0.07,
        minimum=0,
        maximum=1,
    )
    max_model_len: int = setting(
        "SIGHTLINE_GENERATOR_MAX_MODEL_LEN",
        "the most tokens of prompt and answer together; at most the checkpoint's positions",
        default=8192,
        minimum=16,
    )
    queue_limit: int = setting(
        "SIGHTLINE_GENERATOR_QUEUE_LIMIT",
        "the most requests that wait besides those that run",
        default=128,
        minimum=0,
    )
    queue_bytes: int = setting(
        "SIGHTLINE_GENERATOR_QUEUE_BYTES",
        "the most bytes of requests, media included, that are admitted together",
        default=512 * 1024 * 1024,
        minimum=1024 * 1024,
    )
    reader_timeout_s: float = setting(
        "SIGHTLINE_GENERATOR_READER_TIMEOUT_S",
        "seconds after which an answer that its client does not read is ended",
        default=60.0,
        minimum=0.1,
    )
    default_max_tokens: int = setting(
        "SIGHTLINE_GENERATOR_DEFAULT_MAX_TOKENS",
        "the length of an answer when the request does not bound it",
        default=2048,
        minimum=1,
    )
    max_media: int = setting(
        "SIGHTLINE_GENERATOR_MAX_MEDIA",
        "the most pictures of one request",
        default=16,
        minimum=0,
    )
    max_message_bytes: int = setting(
        "SIGHTLINE_GENERATOR_MAX_MESSAGE_BYTES",
        "the largest gRPC message",
        default=DEFAULT_MAX_MESSAGE_BYTES,
        minimum=1024 * 1024,
    )
    media_store_bytes: int = setting(
        "SIGHTLINE_GENERATOR_MEDIA_STORE_BYTES",
        "memory for files that PutMedia stores",
        default=128 * 1024 * 1024,
        minimum=0,
    )
    media_ttl_s: float = setting(
        "SIGHTLINE_GENERATOR_MEDIA_TTL_S",
        "seconds after which an unused stored file may be forgotten",
        default=900.0,
        minimum=1,
    )
    media_index_bytes: int = setting(
        "SIGHTLINE_GENERATOR_MEDIA_INDEX_BYTES",
        "memory for what is known of media, so that the encoder need not be asked again",
        default=64 * 1024 * 1024,
        minimum=0,
    )
    encode_timeout_s: float = setting(
        "SIGHTLINE_GENERATOR_ENCODE_TIMEOUT_S",
        "seconds that the encoder may take for one medium",
        default=60.0,
        minimum=0.1,
    )
    encoder_load_factor: float = setting(
        "SIGHTLINE_GENERATOR_ENCODER_LOAD_FACTOR",
        "how far one of several encoders may exceed its fair share of the media that are being "
        "computed before another one helps",
        default=1.25,
        minimum=1,
    )
    encoder_probe_interval_s: float = setting(
        "SIGHTLINE_GENERATOR_ENCODER_PROBE_INTERVAL_S",
        "seconds between looks at which encoders there are and whether they answer",
        default=1.0,
        minimum=0.05,
    )
    encoder_probe_timeout_s: float = setting(
        "SIGHTLINE_GENERATOR_ENCODER_PROBE_TIMEOUT_S",
        "seconds that an encoder may take to answer a probe; it is lost at the second silence",
        default=2.0,
        minimum=0.05,
    )
    drain_s: float = setting(
        "SIGHTLINE_GENERATOR_DRAIN_S",
        "seconds that running requests may take after a stop was asked for",
        default=30.0,
        minimum=0,
    )
    threads: int = setting(
        "SIGHTLINE_GENERATOR_THREADS",
        "torch's threads; 0 takes one per processor",
        default=0,
        minimum=0,
    )
    log_level: str = setting(
        "SIGHTLINE_GENERATOR_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", default="INFO"
    )

    @property
    def served_name(self) -> str:
        """The model's name in requests and answers."""
        return self.model_name or Path(self.model.rstrip("/")).name

    def __post_init__(self) -> None:
        super().__post_init__()
        EncoderTargets.parse(self.encoder_target)
        check_choice("SIGHTLINE_GENERATOR_LOG_LEVEL", self.log_level.upper(), LOG_LEVELS)
        check_choice("SIGHTLINE_GENERATOR_DTYPE", self.dtype, DTYPES)
        check_choice("SIGHTLINE_GENERATOR_OVERLAP", self.overlap, ("auto", "on", "off"))
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise SettingInvalidError(
                "SIGHTLINE_GENERATOR_MAX_NUM_BATCHED_TOKENS must be at least "
                f"SIGHTLINE_GENERATOR_MAX_NUM_SEQS ({self.max_num_seqs})."
            )
