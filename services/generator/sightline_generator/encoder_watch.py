"""Looks after a pool's encoders: which there are, which answer, which fit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sightline_common.config import SettingInvalidError
from sightline_common.errors import ModelMismatchError
from sightline_common.telemetry import log

from sightline_generator.encoder_member import EncoderMember, EncoderStatus
from sightline_generator.encoder_pool import EncoderPool
from sightline_generator.encoder_targets import EncoderTargets
from sightline_generator.exchange import EncoderLostError

FIRST_PAUSE_S = 0.2
"""Between rounds until the first encoder is ready."""
MAX_SILENT_PROBES = 2
"""An encoder on a busy machine may miss one."""
_logger = logging.getLogger(__name__)


class EncoderWatch:
    """Probes every encoder in every round, and lets the pool know.

    A probe asks GetModelInfo, which is refused while health says NOT_SERVING or the tower
    fails, and whose answer has the fingerprints. An encoder that says nothing is lost at the second
    probe; what waits for it then goes to another one, if there is one.
    """

    def __init__(
        self, pool: EncoderPool, targets: EncoderTargets, interval_s: float, timeout_s: float
    ) -> None:
        self._pool = pool
        self._targets = targets
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._fingerprints: set[str] = set()

    async def wait_until_ready(self) -> None:
        """Waits for one encoder that fits, however long it loads.

        Raises ModelMismatchError or SettingInvalidError when none of them fits.
        """
        if not await self.look():
            log(_logger, "waiting for the encoder", targets=",".join(self._targets.written))
        while not self._pool.available:
            _refuse_misfits(list(self._pool.members.values()))
            await asyncio.sleep(FIRST_PAUSE_S)
            await self.look()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Looks after the encoders while it is open."""
        task = asyncio.create_task(self._watch(), name="encoder watch")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.look()
            except Exception as error:
                # Without the watch, no encoder would ever come back.
                _logger.error("watching encoders failed", exc_info=error)

    async def look(self) -> bool:
        """Looks names up and probes all encoders; returns whether one is available."""
        self._pool.set_addresses(await self._targets.addresses())
        await asyncio.gather(*map(self._probe, list(self._pool.members.values())))
        self._compare_features()
        return bool(self._pool.available)

    async def _probe(self, member: EncoderMember) -> None:
        try:
            member.found_available(await member.client.probe(self._timeout_s))
        except EncoderLostError as error:
            self._lose(member, str(error))
        except TimeoutError:
            member.num_silent_probes += 1
            if member.num_silent_probes >= MAX_SILENT_PROBES:
                self._lose(member, "no answer to a probe")
        except (ModelMismatchError, SettingInvalidError) as error:
            member.found_misfit(error)

    def _lose(self, member: EncoderMember, detail: str) -> None:
        member.found_lost(detail)
        if self._pool.available:
            member.client.break_off("The encoder does not answer its probes.")

    def _compare_features(self) -> None:
        fingerprints = {member.feature_fingerprint for member in self._pool.available}
        if len(fingerprints) > 1 and fingerprints != self._fingerprints:
            log(
                _logger,
                "encoders compute different features; give them the same settings",
                logging.WARNING,
                fingerprints=",".join(sorted(fingerprints)),
            )
        self._fingerprints = fingerprints


def _refuse_misfits(members: list[EncoderMember]) -> None:
    misfits = [member.misfit for member in members if member.status is EncoderStatus.MISFIT]
    if misfits and len(misfits) == len(members) and misfits[0] is not None:
        raise misfits[0]
