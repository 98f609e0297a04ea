"""An authority of our own, for tests of transport security."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = datetime.timedelta(hours=1)


@dataclass
class Authority:
    """Signs certificates; `file` has its own."""

    folder: Path
    name: str = "authority"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self):
        self.file = self.folder / f"{self.name}.pem"
        self.certificate = self._signed(self.name, self.key, is_authority=True)
        self.file.write_bytes(_pem(self.certificate))

    def issue(self, name, host="localhost"):
        """Writes a certificate for a host and 127.0.0.1, and its key; returns both paths.

        What was there under the name is replaced, as a renewal does.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(name, key, is_authority=False, host=host)
        cert_file, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _replace(key_file, private)
        _replace(cert_file, _pem(certificate))
        return str(cert_file), str(key_file)

    def _signed(self, name, key, *, is_authority, host="localhost"):
        now = datetime.datetime.now(datetime.UTC)
        alternatives = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - LIFETIME)
            .not_valid_after(now + LIFETIME)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if not is_authority:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        return builder.sign(self.key, hashes.SHA256())


def serial_number(pem):
    """Returns the serial number of a PEM certificate."""
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _replace(path, data):
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(path)


def tls_settings(authority):
    """Returns the settings of services that show each other certificates."""
    cert, key = authority.issue("service")
    ca = str(authority.file)
    return {"tls_cert": cert, "tls_key": key, "tls_ca": ca, "tls_client_ca": ca}
