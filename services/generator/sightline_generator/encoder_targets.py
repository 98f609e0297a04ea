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
LOOK_UP_TIMEOUT_S = 2.0
"""How long a round waits for a name; the look-up itself goes on."""
_logger = logging.getLogger(__name__)


@dataclass
class EncoderTargets:
    """Encoders by address.

    `host:port` is one encoder, known by what was written, wherever the host's name leads;
    `dns:///host:port` stands for one encoder at every address that the name has.
    """

    written: tuple[str, ...]
    _found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _looking: dict[str, asyncio.Task[None]] = field(default_factory=dict)

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
        """Looks the names up and returns all addresses.

        A look-up that fails, or has no answer yet, changes nothing.
        """
        found = await asyncio.gather(*(self._addresses_of(target) for target in self.written))
        return list(dict.fromkeys(address for group in found for address in group))

    def server_name(self, address: str) -> str:
        """Returns the name that stands for an address, whose certificate has it; or nothing."""
        names = (target for target, found in self._found.items() if address in found)
        target = next(names, None)
        return "" if target is None else _split(target.removeprefix(DNS_PREFIX))[0]

    async def _addresses_of(self, target: str) -> tuple[str, ...]:
        if not target.startswith(DNS_PREFIX):
            return (target,)
        if target not in self._looking:
            # One at a time: a thread waits for each, and cannot be ended.
            self._looking[target] = asyncio.create_task(self._update(target))
        await asyncio.wait([self._looking[target]], timeout=LOOK_UP_TIMEOUT_S)
        return self._found.get(target, ())

    async def _update(self, target: str) -> None:
        host, port = _split(target.removeprefix(DNS_PREFIX))
        try:
            self._found[target] = await _look_up(host, port)
        except (OSError, UnicodeError) as error:
            log(_logger, "look-up failed", logging.DEBUG, target=target, detail=str(error))
        finally:
            del self._looking[target]


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
