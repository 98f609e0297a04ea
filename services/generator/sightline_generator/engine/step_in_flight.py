"""A step that the device may still compute while the host goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sightline_generator.engine.sampled import Sampled
from sightline_generator.engine.scheduler import Schedule
from sightline_generator.engine.sequence import PendingToken, Sequence


class Awaited(NamedTuple):
    """A sequence whose next token was sampled behind `num_computed_tokens`."""

    sequence: Sequence
    num_computed_tokens: int


@dataclass(frozen=True)
class Sampling:
    """Tokens that were sampled together, and whose they are."""

    awaited: list[Awaited]
    sampled: Sampled

    @classmethod
    def begin(cls, sequences: list[Sequence], sampled: Sampled) -> Sampling:
        """Lets the sequences await their tokens."""
        awaited = [Awaited(sequence, sequence.num_computed_tokens) for sequence in sequences]
        for row, sequence in enumerate(sequences):
            sequence.await_token(PendingToken(sampled.token_ids, row))
        return cls(awaited, sampled)


@dataclass(frozen=True)
class StepInFlight:
    """What a step was asked for, when, and the tokens that it will bring."""

    schedule: Schedule
    began: float
    samplings: list[Sampling]
