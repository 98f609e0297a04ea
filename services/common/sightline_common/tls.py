"""Certificates in files, read anew when they change."""

from __future__ import annotations

import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from sightline_common.config import SettingInvalidError
from sightline_common.service_settings import ServiceSettings
from sightline_common.telemetry import log

Stamp = tuple[tuple[int, int, int], ...]
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pem:
    """What certificate, key and authorities' files hold; empty where there is no file."""

    cert: bytes
    key: bytes
    authorities: bytes


@dataclass
class PemFiles:
    """The files of a certificate, its key, and authorities; paths may be empty.

    What cannot be read or does not fit together changes nothing: new files may be half
    written. Raises SettingInvalidError at first.
    """

    cert: str
    key: str
    authorities: str
    current: Pem = field(init=False)
    _stamp: Stamp = field(init=False)
    _refused: Stamp | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        try:
            self._stamp = self._look()
            self.current = self._read()
        except (OSError, ValueError) as error:
            raise SettingInvalidError(
                f"SIGHTLINE_TLS_... {self._names()} cannot be used: {error}"
            ) from error

    def renew(self) -> bool:
        """Reads the files again if they have changed; tells whether `current` is new."""
        stamp: Stamp = ()  # of files that are gone
        try:
            stamp = self._look()
            if stamp in (self._stamp, self._refused):
                return False
            read = self._read()
            if self._look() != stamp:
                return False
        except (OSError, ValueError) as error:
            if stamp != self._refused:  # once: every handshake asks
                log(_logger, "certificate not renewed", logging.WARNING, detail=str(error))
            self._refused = stamp
            return False
        self._stamp, self.current = stamp, read
        log(_logger, "certificate renewed", files=self._names())
        return True

    def context(self) -> ssl.SSLContext:
        """Returns a server's context, for HTTP; authorities make it ask for certificates."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        if self.authorities:
            context.load_verify_locations(self.authorities)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _look(self) -> Stamp:
        stats = [Path(path).stat() for path in self._paths() if path]
        return tuple((stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in stats)

    def _read(self) -> Pem:
        self.context()  # raises ssl.SSLError, an OSError, unless certificate and key are a pair
        return Pem(*(Path(path).read_bytes() if path else b"" for path in self._paths()))

    def _paths(self) -> tuple[str, str, str]:
        return self.cert, self.key, self.authorities

    def _names(self) -> str:
        return ", ".join(path for path in self._paths() if path)


class ServerTls:
    """How a service is served: over TLS, and to clients with a certificate alone if asked."""

    def __init__(self, cert: str, key: str, client_ca: str) -> None:
        self._files = PemFiles(cert, key, client_ca)
        self._page = PemFiles(cert, key, client_ca)

    @property
    def is_mutual(self) -> bool:
        return bool(self._files.authorities)

    def credentials(self) -> grpc.ServerCredentials:
        """Returns credentials that look at the files before every handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._renewed,  # type: ignore[arg-type]  # None leaves things as they are
            require_client_authentication=self.is_mutual,
        )

    def context(self) -> ssl.SSLContext:
        """Returns a context for HTTP that looks at the files before every handshake."""
        context = self._page.context()
        latest = context

        def renew(handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            nonlocal latest
            if self._page.renew():
                with suppress(OSError, ValueError):
                    latest = self._page.context()
            handshake.context = latest

        # Called whether the client names a server or not.
        context.sni_callback = renew
        return context

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pem = self._files.current
        return grpc.ssl_server_certificate_configuration(
            [(pem.key, pem.cert)], pem.authorities or None
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        return self._configuration() if self._files.renew() else None


class ClientTls:
    """How services are called: over TLS, with this service's certificate if it has one."""

    def __init__(self, ca: str, cert: str = "", key: str = "") -> None:
        self._files = PemFiles(cert, key, ca)
        self.version = 0

    def renew(self) -> int:
        """Looks at the files and returns a number that grows when they have changed."""
        self.version += self._files.renew()
        return self.version

    def credentials(self) -> grpc.ChannelCredentials:
        """Returns credentials with the files as they were when they were last looked at."""
        pem = self._files.current
        return grpc.ssl_channel_credentials(pem.authorities, pem.key or None, pem.cert or None)


def server_tls(settings: ServiceSettings) -> ServerTls | None:
    """Returns how to serve, None for plaintext; raises SettingInvalidError."""
    if not settings.tls_cert:
        return None
    return ServerTls(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def client_tls(settings: ServiceSettings) -> ClientTls | None:
    """Returns how to call other services, None for plaintext; raises SettingInvalidError."""
    if not settings.tls_ca:
        return None
    return ClientTls(settings.tls_ca, settings.tls_cert, settings.tls_key)
