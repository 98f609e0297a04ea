"""One encoder of a pool: its client, and whether it can be asked."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum

from sightline_common.config import SettingInvalidError
from sightline_common.errors import ModelMismatchError
from sightline_common.telemetry import log

from sightline_generator.encoder_client import EncoderClient

_logger = logging.getLogger(__name__)


class EncoderStatus(Enum):
    """Says what is known of an encoder."""

    UNPROBED = "unprobed"
    AVAILABLE = "available"
    LOST = "lost"
    MISFIT = "misfit"


@dataclass(eq=False)
class EncoderMember:
    """An encoder by its address.

    `misfit` says why a MISFIT is left out; it is asked for nothing until a probe finds it
    changed. A LOST one is asked only when none is AVAILABLE.
    """

    client: EncoderClient
    status: EncoderStatus = EncoderStatus.UNPROBED
    misfit: ModelMismatchError | SettingInvalidError | None = None
    feature_fingerprint: str = ""
    num_silent_probes: int = 0

    @property
    def name(self) -> str:
        return self.client.target

    def found_available(self, feature_fingerprint: str) -> None:
        """Notes that a probe was answered as it should be."""
        self.num_silent_probes = 0
        self.feature_fingerprint = feature_fingerprint
        self.misfit = None
        self._change(EncoderStatus.AVAILABLE, logging.INFO, "encoder available")

    def found_lost(self, detail: str) -> None:
        """Notes that the encoder is not there, or not ready."""
        self._change(EncoderStatus.LOST, logging.WARNING, "encoder lost", detail=detail)

    def found_misfit(self, misfit: ModelMismatchError | SettingInvalidError) -> None:
        """Notes that what answers is not an encoder of this generator's checkpoint."""
        self.misfit = misfit
        self._change(EncoderStatus.MISFIT, logging.ERROR, "encoder left out", reason=str(misfit))

    def _change(self, status: EncoderStatus, level: int, event: str, **fields: object) -> None:
        if self.status is not status:
            self.status = status
            log(_logger, event, level, encoder=self.name, **fields)
