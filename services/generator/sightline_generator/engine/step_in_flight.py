"""A step that the device may still compute while the host goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import torch

from sightline_generator.engine.model_runner import KVCache
from sightline_generator.engine.sampled import Sampled
from sightline_generator.engine.scheduler import Schedule
from sightline_generator.engine.sequence import PendingToken, Sequence
from sightline_generator.engine.transfer import Download

_logger = logging.getLogger(__name__)


class Awaited(NamedTuple):
    """A sequence of which it will be told whether `num_computed_tokens` led to finite values."""

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
class Proof:
    """Whether the blocks that pieces of prompts filled are finite, on its way to the host.

    Without one (a device may lack the memory for it) they are shared later, with the next piece
    or the first token: nobody fails. `num_blocks` are each one's, one sequence after the other
    in `finite` [total] bool.
    """

    awaited: list[Awaited]
    num_blocks: list[int]
    finite: Download | None

    @classmethod
    def begin(cls, sequences: list[Sequence], cache: KVCache) -> Proof:
        """Asks about all full blocks of the sequences that are not proven.

        Raises torch.AcceleratorError alone, after which the device cannot go on.
        """
        size = cache.block_size
        awaited, num_blocks, blocks = [], [], []
        for sequence in sequences:
            first, end = (
                count // size
                for count in (sequence.num_proven_tokens, sequence.num_computed_tokens)
            )
            if first < end:
                awaited.append(Awaited(sequence, end * size))
                num_blocks.append(end - first)
                blocks += sequence.block_table[first:end]
        return cls(awaited, num_blocks, _asked(cache, blocks) if blocks else None)

    def proven(self) -> list[Awaited]:
        """Waits and returns the sequences all of whose blocks are finite."""
        if self.finite is None:
            return []
        try:
            finite = iter(self.finite.wait()[0].tolist())
        except torch.AcceleratorError:
            raise
        except Exception as error:
            _logger.error("no proof of finite blocks", exc_info=error)
            return []
        parts = [list(islice(finite, count)) for count in self.num_blocks]
        return [awaited for awaited, part in zip(self.awaited, parts, strict=True) if all(part)]


def _asked(cache: KVCache, blocks: list[int]) -> Download | None:
    try:
        return Download([cache.are_finite(blocks)])
    except torch.AcceleratorError:
        raise
    except Exception as error:
        _logger.error("no proof of finite blocks", exc_info=error)
        return None


@dataclass(frozen=True)
class StepInFlight:
    """What a step was asked for, when, and the tokens and the proof that it will bring."""

    schedule: Schedule
    began: float
    samplings: list[Sampling]
    proof: Proof
