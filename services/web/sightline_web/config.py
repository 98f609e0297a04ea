"""The web service's settings, read from the environment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sightline_common.config import MAX_PORT, SettingInvalidError, check_choice, setting
from sightline_common.service_settings import ServiceSettings, optional_port
from sightline_common.telemetry import LOG_LEVELS

MEBIBYTE = 1024 * 1024
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class WebSettings(ServiceSettings):
    """Where the service listens, what it talks to, and its limits."""

    host: str = setting("SIGHTLINE_WEB_HOST", "address to listen on", default="127.0.0.1")
    port: int = setting(
        "SIGHTLINE_WEB_PORT", "port to listen on", default=8080, minimum=0, maximum=MAX_PORT
    )
    metrics_port: int = optional_port(
        "SIGHTLINE_WEB_METRICS_PORT", "port of the page of metrics, /metrics"
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
    max_pdf_bytes: int = setting(
        "SIGHTLINE_WEB_MAX_PDF_BYTES",
        "bytes of one PDF",
        default=32 * MEBIBYTE,
        minimum=1,
    )
    max_pdf_pages: int = setting(
        "SIGHTLINE_WEB_MAX_PDF_PAGES",
        "pages of one PDF that may become pictures at once",
        default=16,
        minimum=1,
        maximum=100,
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
        "seconds that API requests may take after a stop was asked for",
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
    auth: str = setting(
        "SIGHTLINE_AUTH",
        "who may use the service: password-file:/path, oidc:https://issuer; empty means anybody",
        default="",
    )
    session_s: float = setting(
        "SIGHTLINE_AUTH_SESSION_S",
        "seconds after which people sign in again",
        default=7 * 24 * 3600.0,
        minimum=60,
    )
    oidc_client_id: str = setting(
        "SIGHTLINE_OIDC_CLIENT_ID", "what the OpenID provider knows this service as", default=""
    )
    oidc_client_secret: str = setting(
        "SIGHTLINE_OIDC_CLIENT_SECRET", "its secret there; empty for a public client", default=""
    )
    oidc_scopes: str = setting(
        "SIGHTLINE_OIDC_SCOPES", "what the provider is asked to tell", default="openid profile"
    )
    oidc_required_claim: str = setting(
        "SIGHTLINE_OIDC_REQUIRED_CLAIM",
        "claim without which nobody may sign in, such as groups=staff",
        default="",
    )
    oidc_operator_claim: str = setting(
        "SIGHTLINE_OIDC_OPERATOR_CLAIM", "claim that makes an operator", default=""
    )
    public_url: str = setting(
        "SIGHTLINE_WEB_PUBLIC_URL",
        "address at which browsers reach the page, such as https://chat.example; empty means"
        " whatever address a request came to",
        default="",
    )
    log_level: str = setting("SIGHTLINE_WEB_LOG_LEVEL", "least severe log level", default="INFO")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("SIGHTLINE_WEB_LOG_LEVEL", self.log_level.upper(), LOG_LEVELS)
        if self.public_url and not _ORIGIN.fullmatch(self.public_url):
            raise SettingInvalidError(
                f"SIGHTLINE_WEB_PUBLIC_URL={self.public_url} must be like https://chat.example,"
                " without a path."
            )

    @property
    def host_names(self) -> frozenset[str]:
        """The host names that requests may come to, lower-case."""
        own = f"[{self.host}]" if ":" in self.host else self.host
        public = urlsplit(self.public_url).hostname or ""
        names = (*LOCAL_HOSTS, own, *_listed(self.allowed_hosts), *filter(None, [public]))
        return frozenset(name.lower() for name in names)

    @property
    def is_public_over_tls(self) -> bool:
        """Whether browsers are known to speak TLS."""
        return self.public_url.startswith("https:")

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
