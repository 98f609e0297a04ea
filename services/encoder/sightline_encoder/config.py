"""The encoder's settings."""

from __future__ import annotations

from dataclasses import dataclass

from sightline_common.config import check_choice, setting
from sightline_common.service_settings import ServiceSettings, optional_port
from sightline_common.telemetry import LOG_LEVELS

DEVICE_AUTO = "auto"
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class EncoderSettings(ServiceSettings):
    """Everything an operator may change; read from the environment."""

    model: str = setting(
        "SIGHTLINE_MODEL", "Checkpoint folder or hub id.", default="models/sightline-nano"
    )
    host: str = setting("SIGHTLINE_ENCODER_HOST", "Address to listen on.", default="127.0.0.1")
    port: int = setting(
        "SIGHTLINE_ENCODER_PORT", "Port; 0 lets the system choose.", default=50051, minimum=0
    )
    health_port: int = optional_port(
        "SIGHTLINE_ENCODER_HEALTH_PORT", "Port of health checks in plaintext, and nothing else"
    )
    metrics_port: int = optional_port(
        "SIGHTLINE_ENCODER_METRICS_PORT", "Port of the page of metrics, /metrics"
    )
    device: str = setting(
        "SIGHTLINE_ENCODER_DEVICE",
        "Where the tower runs: auto (CUDA if there is one), cpu, cuda, cuda:1 ...",
        default=DEVICE_AUTO,
    )
    dtype: str = setting(
        "SIGHTLINE_ENCODER_DTYPE",
        "Element type: auto (float32 on CPU, bfloat16 on CUDA), float32, bfloat16, float16.",
        default="auto",
    )
    cache_bytes: int = setting(
        "SIGHTLINE_ENCODER_CACHE_BYTES",
        "Bound of the features in memory in bytes; 0 switches this tier off.",
        default=1024**3,
        minimum=0,
    )
    disk_cache_dir: str = setting(
        "SIGHTLINE_ENCODER_DISK_CACHE_DIR",
        "Folder of features that outlive the process; empty switches this tier off.",
        default="",
    )
    disk_cache_bytes: int = setting(
        "SIGHTLINE_ENCODER_DISK_CACHE_BYTES",
        "Bound of the features on disk in bytes.",
        default=16 * 1024**3,
        minimum=1,
    )
    redis_url: str = setting(
        "SIGHTLINE_ENCODER_REDIS_URL",
        "Redis or Valkey that encoders share, redis://, rediss:// or unix://; empty: none.",
        default="",
    )
    redis_timeout_s: float = setting(
        "SIGHTLINE_ENCODER_REDIS_TIMEOUT_S",
        "Seconds that connecting to Redis, or one command of at most 1 MiB, may take.",
        default=0.5,
        minimum=0.01,
    )
    redis_ttl_s: int = setting(
        "SIGHTLINE_ENCODER_REDIS_TTL_S",
        "Seconds that Redis keeps features.",
        default=24 * 3600,
        minimum=1,
    )
    similar_bytes: int = setting(
        "SIGHTLINE_ENCODER_SIMILAR_BYTES",
        "Bound of the pictures kept to recognise similar ones; 0: none are offered.",
        default=0,
        minimum=0,
    )
    write_queue_bytes: int = setting(
        "SIGHTLINE_ENCODER_WRITE_QUEUE_BYTES",
        "Bytes that wait to be written to disk, and to Redis; more are not written.",
        default=256 * 1024**2,
        minimum=0,
    )
    threads: int = setting(
        "SIGHTLINE_ENCODER_THREADS",
        "CPU threads of the tower; 0 leaves the choice to torch.",
        default=0,
        minimum=0,
    )
    integer_attention: bool = setting(
        "SIGHTLINE_ENCODER_INTEGER_ATTENTION",
        "Whether the tower attends in 16-bit integers on CPUs where that is faster than in floats.",
        default=True,
    )
    intake_workers: int = setting(
        "SIGHTLINE_ENCODER_INTAKE_WORKERS",
        "Processes in which files are decoded, one at a time each; one more is for small pictures.",
        default=2,
        minimum=1,
    )
    worker_memory_bytes: int = setting(
        "SIGHTLINE_ENCODER_WORKER_MEMORY_BYTES",
        "Bound of the memory of each of these processes.",
        default=1024**3,
        minimum=256 * 1024**2,
    )
    worker_cpu_s: float = setting(
        "SIGHTLINE_ENCODER_WORKER_CPU_S",
        "Seconds of CPU time that decoding one file may take, rounded up to whole ones.",
        default=10.0,
        minimum=0.1,
    )
    worker_timeout_s: float = setting(
        "SIGHTLINE_ENCODER_WORKER_TIMEOUT_S",
        "Seconds that decoding one file may take on the clock.",
        default=30.0,
        minimum=0.1,
    )
    quarantine_s: float = setting(
        "SIGHTLINE_ENCODER_QUARANTINE_S",
        "Seconds for which a file that killed two of these processes is refused at once.",
        default=600.0,
        minimum=0,
    )
    batch_patches: int = setting(
        "SIGHTLINE_ENCODER_BATCH_PATCHES",
        "Patches that share one forward pass; a larger picture passes alone. 0: 4096 on a CPU, "
        "16384 on a GPU.",
        default=0,
        minimum=0,
    )
    layer_timeout_s: float = setting(
        "SIGHTLINE_ENCODER_LAYER_TIMEOUT_S",
        "Seconds that one layer of the tower may take before the encoder says it is not ready.",
        default=30.0,
        minimum=0.1,
    )
    upload_bytes: int = setting(
        "SIGHTLINE_ENCODER_UPLOAD_BYTES",
        "Bytes of uploads held at once; more are refused with UNAVAILABLE.",
        default=512 * 1024**2,
        minimum=1,
    )
    max_waiting: int = setting(
        "SIGHTLINE_ENCODER_MAX_WAITING",
        "Requests that may wait for features that memory does not hold, for whatever reason; more "
        "are refused with UNAVAILABLE.",
        default=1000,
        minimum=1,
    )
    upload_timeout_s: float = setting(
        "SIGHTLINE_ENCODER_UPLOAD_TIMEOUT_S",
        "Seconds that a client may take to send the header, and then a file.",
        default=60.0,
        minimum=0.1,
    )
    max_file_bytes: int = setting(
        "SIGHTLINE_ENCODER_MAX_FILE_BYTES",
        "Bound of one file in bytes.",
        default=20 * 1024**2,
        minimum=1,
    )
    max_pixels: int = setting(
        "SIGHTLINE_ENCODER_MAX_PIXELS",
        "Bound of width times height as the file declares them.",
        default=40_000_000,
        minimum=1,
    )
    max_side: int = setting(
        "SIGHTLINE_ENCODER_MAX_SIDE",
        "Bound of width and of height in pixels.",
        default=16384,
        minimum=1,
    )
    max_aspect_ratio: float = setting(
        "SIGHTLINE_ENCODER_MAX_ASPECT_RATIO",
        "Bound of the longer side divided by the shorter one.",
        default=200.0,
        minimum=1,
    )
    max_frames: int = setting(
        "SIGHTLINE_ENCODER_MAX_FRAMES",
        "Bound of the frames of an animated picture, of which the first is used.",
        default=1000,
        minimum=1,
    )
    max_video_bytes: int = setting(
        "SIGHTLINE_ENCODER_MAX_VIDEO_BYTES",
        "Bound of one video file in bytes.",
        default=128 * 1024**2,
        minimum=1,
    )
    max_video_pixels: int = setting(
        "SIGHTLINE_ENCODER_MAX_VIDEO_PIXELS",
        "Bound of width times height of a video's frames.",
        default=4096 * 2304,
        minimum=1,
    )
    max_video_s: float = setting(
        "SIGHTLINE_ENCODER_MAX_VIDEO_S",
        "Bound of a video's duration in seconds.",
        default=3600.0,
        minimum=0.1,
    )
    max_video_frames: int = setting(
        "SIGHTLINE_ENCODER_MAX_VIDEO_FRAMES",
        "Bound of the frames that a video holds, of which some are used.",
        default=216_000,
        minimum=1,
    )
    video_decode_s: float = setting(
        "SIGHTLINE_ENCODER_VIDEO_DECODE_S",
        "Seconds that decoding a video may take, on the clock and of CPU time.",
        default=40.0,
        minimum=0.1,
    )
    max_pixel_budget: int = setting(
        "SIGHTLINE_ENCODER_MAX_PIXEL_BUDGET",
        "Largest max_pixel_count a request may ask for; the checkpoint's own is always allowed. "
        "0: 2 Mi on a CPU, 6 Mi on a GPU.",
        default=0,
        minimum=0,
    )
    max_tiled_pixel_budget: int = setting(
        "SIGHTLINE_ENCODER_MAX_TILED_PIXEL_BUDGET",
        "Largest max_pixel_count a request may ask for in tiled mode.",
        default=16 * 1024**2,
        minimum=1,
    )
    drain_s: float = setting(
        "SIGHTLINE_ENCODER_DRAIN_S",
        "Seconds that running requests may take after a stop was asked for.",
        default=30.0,
        minimum=0,
    )
    log_level: str = setting(
        "SIGHTLINE_ENCODER_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR.", default="INFO"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("SIGHTLINE_ENCODER_DTYPE", self.dtype, DTYPES)
        check_choice("SIGHTLINE_ENCODER_LOG_LEVEL", self.log_level.upper(), LOG_LEVELS)
