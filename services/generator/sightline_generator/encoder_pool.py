"""The encoders together: every medium has an owner, and helpers when the owner cannot."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice

from sightline_common.errors import (
    DeadlineError,
    EncoderUnavailableError,
    EngineFailedError,
    InternalError,
    ModelMismatchError,
    PayloadCorruptError,
    QueueFullError,
    SightlineError,
)
from sightline_common.telemetry import log

from sightline_generator.encoder_client import EncoderClient
from sightline_generator.encoder_member import EncoderMember, EncoderStatus
from sightline_generator.exchange import EncoderLostError, Exchange
from sightline_generator.families.base import MediaKind
from sightline_generator.media import BytesWantedError, EncodedMedium, Medium
from sightline_generator.placements import Placements

NUM_ATTEMPTS = 2
"""The least attempts, however few encoders there are."""
NUM_ASKED = 2
"""How many encoders are asked for features before one computes them."""
HELPER_TIMEOUT_S = 1.0
"""How long an owner that could compute waits for the other one to say whether it need not."""
MAX_UPLOADS = 2
"""Bounds the encoders that one medium may be lost with: it may be what ends them."""
ATTEMPT_SHARE = 0.6
"""How much of the time that is left an attempt gets while there is another encoder to try."""
CLOSE_GRACE_S = 60.0
_FAULTS = (
    PayloadCorruptError,
    QueueFullError,
    EngineFailedError,
    InternalError,
    EncoderUnavailableError,
    DeadlineError,
)
"""What may be one encoder's trouble only."""
_LASTING = (QueueFullError, ModelMismatchError, EngineFailedError, InternalError, DeadlineError)
"""What an encoder is not asked again at once after."""
_logger = logging.getLogger(__name__)


class _AttemptFailedError(Exception):
    """Means that an encoder failed and another one may be tried."""


@dataclass
class _Errand:
    """What has happened to one medium so far."""

    medium: Medium
    header_only: bool
    deadline: float
    num_uploads: int = 0
    failures: dict[str, SightlineError] = field(default_factory=dict)

    def may_try_again(self, name: str) -> bool:
        """Whether an encoder that failed may do better at once."""
        return not isinstance(self.failures.get(name), _LASTING)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline or self.num_uploads >= MAX_UPLOADS

    def attempt_s(self, num_candidates: int) -> float:
        """Returns the time of the next attempt; it leaves some for another encoder."""
        is_last = (
            num_candidates == 1
            or self.num_uploads == MAX_UPLOADS - 1
            or self.medium.kind is MediaKind.VIDEO  # decoding alone may rightly take most of it
        )
        remaining_s = self.deadline - time.monotonic()
        return max(0.001, remaining_s if is_last else ATTEMPT_SHARE * remaining_s)


@dataclass
class _Attempt:
    """The exchanges of one attempt, which end when `stack` is closed."""

    errand: _Errand
    timeout_s: float
    stack: ExitStack
    asked: dict[str, Exchange] = field(default_factory=dict)

    def opened(self, member: EncoderMember) -> Exchange:
        exchange = member.client.exchange(
            self.errand.medium, self.timeout_s, header_only=self.errand.header_only
        )
        self.stack.callback(member.client.end, exchange)
        return exchange

    async def computed(self, member: EncoderMember) -> EncodedMedium:
        """Has the medium computed by an encoder; the others that were asked need not wait."""
        exchange = self.asked.pop(member.name, None)
        for needless in self.asked.values():
            await needless.decline()
        if exchange is None:
            exchange = self.opened(member)
            if await exchange.ask():
                return await exchange.result()
        self.errand.num_uploads += 1
        await exchange.upload()
        return await exchange.result()


class EncoderPool:
    """Turns media into features with whichever encoders there are.

    A medium's digest decides which encoder keeps its features. That one and the next are
    asked; when neither has them, the first in the medium's order that is not overloaded
    gets the file. What breaks off, is corrupt, takes too long or fails for no reason of the
    file's is tried elsewhere: an encoder finds by digest what it already has, so that another
    try is harmless.
    """

    def __init__(
        self,
        connect: Callable[[str], EncoderClient],
        timeout_s: float,
        load_factor: float,
        addresses: Iterable[str] = (),
    ) -> None:
        self._connect = connect
        self._timeout_s = timeout_s
        self._placements = Placements(load_factor)
        self._closing: set[asyncio.Task[None]] = set()
        self.members: dict[str, EncoderMember] = {}
        self.set_addresses(addresses)

    def set_addresses(self, addresses: Iterable[str]) -> None:
        """Takes on new encoders and lets go of those that are no longer named."""
        wanted = list(addresses)
        for name in [name for name in self.members if name not in wanted]:
            self._let_go(self.members.pop(name))
        for name in wanted:
            if name not in self.members:
                self.members[name] = EncoderMember(self._connect(name))

    def _let_go(self, member: EncoderMember) -> None:
        log(_logger, "encoder no longer named", encoder=member.name)
        closing = asyncio.create_task(member.client.close(CLOSE_GRACE_S))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Ends all exchanges."""
        for closing in self._closing:
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await asyncio.gather(*(member.client.close() for member in self.members.values()))

    @property
    def available(self) -> list[EncoderMember]:
        """Lists the encoders that answered their last probe and fit."""
        members = self.members.values()
        return [member for member in members if member.status is EncoderStatus.AVAILABLE]

    async def encode(self, medium: Medium, *, header_only: bool = False) -> EncodedMedium:
        """Returns a medium's features, or without them when only the header is wanted.

        Raises BytesWantedError, EncoderUnavailableError, PayloadCorruptError,
        ModelMismatchError, and what the encoder itself raises, with the request's field.
        """
        errand = _Errand(medium, header_only, time.monotonic() + self._timeout_s)
        for _ in range(max(NUM_ATTEMPTS, len(self.members))):
            candidates = self._candidates(errand)
            if not candidates or errand.is_over:
                break
            with suppress(_AttemptFailedError):
                return await self._attempt(errand, candidates)
        raise self._last_failure(errand)

    def _candidates(self, errand: _Errand) -> dict[str, EncoderMember]:
        """Returns whom to ask, in order: those that have not failed this medium, if any."""
        usable = {member.name: member for member in self.available or self._unless_misfit()}
        order = self._placements.order(errand.medium.digest, usable)
        fresh = [name for name in order if name not in errand.failures]
        names = fresh or [name for name in order if errand.may_try_again(name)]
        return {name: usable[name] for name in names}

    def _unless_misfit(self) -> list[EncoderMember]:
        members = self.members.values()
        return [member for member in members if member.status is not EncoderStatus.MISFIT]

    async def _attempt(
        self, errand: _Errand, candidates: dict[str, EncoderMember]
    ) -> EncodedMedium:
        """Raises _AttemptFailedError when an encoder failed, which is then noted."""
        with ExitStack() as stack:
            attempt = _Attempt(errand, errand.attempt_s(len(candidates)), stack)
            for name, member in islice(candidates.items(), NUM_ASKED):
                with _blaming(member, errand), suppress(TimeoutError):
                    exchange = attempt.opened(member)
                    async with asyncio.timeout(HELPER_TIMEOUT_S if attempt.asked else None):
                        found = await exchange.ask()
                    if found:
                        return await exchange.result()
                    attempt.asked[name] = exchange
            if errand.medium.data is None:
                raise BytesWantedError(errand.medium.digest)
            placed = self._placements.placed(errand.medium.digest, list(candidates))
            chosen = candidates[stack.enter_context(placed)]
            with _blaming(chosen, errand):
                return await attempt.computed(chosen)

    def _last_failure(self, errand: _Errand) -> SightlineError:
        if errand.failures:
            return list(errand.failures.values())[-1]
        misfits = [member.misfit for member in self.members.values()]
        mismatch = next((each for each in misfits if isinstance(each, ModelMismatchError)), None)
        return mismatch or EncoderUnavailableError(
            "There is no encoder that can be asked; try again.", retry_after_s=2.0
        )


@contextmanager
def _blaming(member: EncoderMember, errand: _Errand) -> Iterator[None]:
    """Notes which encoder failed, and how; raises _AttemptFailedError."""
    try:
        yield
    except EncoderLostError as error:
        member.found_lost(str(error))
        failure: SightlineError = error.reported
    except ModelMismatchError as error:
        member.found_misfit(error)
        failure = error
    except _FAULTS as error:
        log(_logger, "exchange failed", logging.WARNING, encoder=member.name, detail=str(error))
        failure = error
    else:
        return
    errand.failures[member.name] = failure
    raise _AttemptFailedError from failure
