"""The web service's settings, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sightline_common.config import MAX_PORT, check_choice, setting
from sightline_common.telemetry import LOG_LEVELS

MEBIBYTE = 1024 * 1024
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class WebSettings:
    """Where the service listens, what it talks to, and its limits."""

    host: str = setting("SIGHTLINE_WEB_HOST", "address to listen on", default="127.0.0.1")
    port: int = setting(
        "SIGHTLINE_WEB_PORT", "port to listen on", default=8080, minimum=0, maximum=MAX_PORT
    )
    generator_target: str = setting(
        "SIGHTLINE_GENERATOR_TARGET", "host:port of the generator", default="127.0.0.1:50052"
    )
    database_url: str = setting(
        "SIGHTLINE_DATABASE_URL",
        "SQLAlchemy URL of the conversations; empty means sightline.db in the data folder",
        default="",
    )
    data_dir: Path = setting(
        "SIGHTLINE_DATA_DIR", "folder of uploaded pictures and the database", default=Path("data")
    )
    max_body_bytes: int = setting(
        "SIGHTLINE_WEB_MAX_BODY_BYTES",
        "bytes of one HTTP request",
        default=96 * MEBIBYTE,
        minimum=1024,
    )
    max_image_bytes: int = setting(
        "SIGHTLINE_WEB_MAX_IMAGE_BYTES",
        "bytes of one picture",
        default=20 * MEBIBYTE,
        minimum=1,
    )
    max_video_bytes: int = setting(
        "SIGHTLINE_WEB_MAX_VIDEO_BYTES",
        "bytes of one video",
        default=64 * MEBIBYTE,
        minimum=1,
    )
    max_message_count: int = setting(
        "SIGHTLINE_WEB_MAX_MESSAGE_COUNT",
        "messages of one API request",
        default=1024,
        minimum=1,
    )
    tenant_secret: str = setting(
        "SIGHTLINE_WEB_TENANT_SECRET",
        "what owners' cache salts are derived from, the same for all replicas; empty means"
        " tenants.key in the data folder, made when it is first needed",
        default="",
    )
    request_deadline_s: float = setting(
        "SIGHTLINE_WEB_REQUEST_DEADLINE_S",
        "seconds that an API request may take",
        default=300.0,
        minimum=0.1,
    )
    generation_lifetime_s: float = setting(
        "SIGHTLINE_WEB_GENERATION_LIFETIME_S",
        "seconds that an answer on the page may take",
        default=1800.0,
        minimum=0.1,
    )
    drain_s: float = setting(
        "SIGHTLINE_WEB_DRAIN_S",
        "seconds that open connections may take when the service stops",
        default=5.0,
        minimum=0,
    )
    allowed_hosts: str = setting(
        "SIGHTLINE_WEB_ALLOWED_HOSTS",
        "further host names, comma-separated, under which the service is reached; * allows all",
        default="",
    )
    model_aliases: str = setting(
        "SIGHTLINE_MODEL_ALIASES",
        "comma-separated names, besides its own, by which requests may call the model",
        default="glm-4.6v-flash",
    )
    log_level: str = setting("SIGHTLINE_WEB_LOG_LEVEL", "least severe log level", default="INFO")

    def __post_init__(self) -> None:
        check_choice("SIGHTLINE_WEB_LOG_LEVEL", self.log_level.upper(), LOG_LEVELS)

    @property
    def host_names(self) -> frozenset[str]:
        """The host names that requests may come to, lower-case."""
        own = f"[{self.host}]" if ":" in self.host else self.host
        names = (*LOCAL_HOSTS, own, *_listed(self.allowed_hosts))
        return frozenset(name.lower() for name in names)

    @property
    def alias_names(self) -> tuple[str, ...]:
        """The model's other names."""
        return tuple(_listed(self.model_aliases))

    @property
    def store_url(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'sightline.db'}"


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
