"""Settings that every service has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sightline_common.config import MAX_PORT, SettingInvalidError, check_choice, setting
from sightline_common.telemetry import LOG_FORMATS
from sightline_common.tracing import TRACES


@dataclass(frozen=True)
class ServiceSettings:
    """Transport security, logs and traces; the same variables in every service's environment."""

    tls_cert: str = setting(
        "SIGHTLINE_TLS_CERT",
        "file of this service's certificate chain (PEM); with it, gRPC and metrics are served "
        "over TLS, and it is shown to services that ask for one",
        default="",
    )
    tls_key: str = setting(
        "SIGHTLINE_TLS_KEY", "file of the certificate's private key (PEM)", default=""
    )
    tls_ca: str = setting(
        "SIGHTLINE_TLS_CA",
        "file of the authorities (PEM) that vouch for the services that this one calls; with it, "
        "they are called over TLS",
        default="",
    )
    tls_client_ca: str = setting(
        "SIGHTLINE_TLS_CLIENT_CA",
        "file of the authorities (PEM) that vouch for clients; with it, nobody without a "
        "certificate of theirs gets past the handshake",
        default="",
    )
    log_format: str = setting(
        "SIGHTLINE_LOG_FORMAT",
        "json (an object a line) or text; `make run` prints either as text",
        default="json",
    )
    traces: str = setting(
        "SIGHTLINE_TRACES",
        "off, or otlp: traces are sent where the OTEL_EXPORTER_OTLP_... variables say",
        default="off",
    )

    def __post_init__(self) -> None:
        check_choice("SIGHTLINE_LOG_FORMAT", self.log_format, LOG_FORMATS)
        check_choice("SIGHTLINE_TRACES", self.traces, TRACES)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise SettingInvalidError("SIGHTLINE_TLS_CERT and SIGHTLINE_TLS_KEY need each other.")
        if self.tls_client_ca and not self.tls_cert:
            raise SettingInvalidError("SIGHTLINE_TLS_CLIENT_CA needs SIGHTLINE_TLS_CERT.")


def optional_port(variable: str, help: str) -> Any:
    """Declares a port that is not opened unless it is set."""
    return setting(variable, f"{help}; 0: none", default=0, minimum=0, maximum=MAX_PORT)
