"""Where the encoders are: a list of addresses, and names that stand for many."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass, field

from sightline_common.config import MAX_PORT, SettingInvalidError
from sightline_common.telemetry import log

VARIABLE = "SIGHTLINE_ENCODER_TARGET"
DNS_PREFIX = "dns:///"
_logger = logging.getLogger(__name__)


@dataclass
class EncoderTargets:
    """Encoders by address.

    `host:port` is one encoder, known by what was written, wherever the host's name leads;
    `dns:///host:port` stands for one encoder at every address that the name has.
    """

    written: tuple[str, ...]
    _found: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> EncoderTargets:
        """Reads a comma-separated list; raises SettingInvalidError."""
        written = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if not written:
            raise SettingInvalidError(f"{VARIABLE} names no encoder; give host:port.")
        for target in written:
            _split(target.removeprefix(DNS_PREFIX))
        return cls(written)

    async def addresses(self) -> list[str]:
        """Looks the names up and returns all addresses; a failed look-up changes nothing."""
        found = await asyncio.gather(*(self._addresses_of(target) for target in self.written))
        return list(dict.fromkeys(address for group in found for address in group))

    async def _addresses_of(self, target: str) -> tuple[str, ...]:
        if not target.startswith(DNS_PREFIX):
            return (target,)
        host, port = _split(target.removeprefix(DNS_PREFIX))
        try:
            self._found[target] = await _look_up(host, port)
        except OSError as error:
            log(_logger, "look-up failed", logging.DEBUG, target=target, detail=str(error))
        return self._found.get(target, ())


async def _look_up(host: str, port: int) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(sorted({_joined(str(info[4][0]), port) for info in infos}))


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise SettingInvalidError(
            f"{VARIABLE}: {address!r} is not host:port; give a list of host:port, or "
            "dns:///host:port for a name with many addresses."
        )
    return host.strip("[]"), int(port)
