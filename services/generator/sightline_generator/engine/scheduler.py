"""Which sequences compute which tokens in the next step."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

from sightline_common.errors import PromptTooLongError

from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.sequence import Sequence, SequenceStatus


@dataclass(frozen=True)
class SchedulerLimits:
    """Bounds one step: sequences that run together, and tokens that are computed."""

    max_num_seqs: int
    max_num_batched_tokens: int


@dataclass(frozen=True)
class ScheduledChunk:
    """Says that a sequence computes its next `num_tokens` uncomputed tokens."""

    sequence: Sequence
    num_tokens: int

    @property
    def completes(self) -> bool:
        """Whether the next token can be sampled after this chunk."""
        return self.num_tokens == self.sequence.num_uncomputed_tokens


class Scheduler:
    """Batches continuously: sequences join and leave at every step.

    Pure: no clock, no I/O. Sequences run by rank (priority, then arrival). A running
    sequence owns blocks for all its tokens; one that joins gets them at once, and one
    that grows beyond free blocks takes them from the running sequence of last rank, which
    returns to waiting and is recomputed. The first in rank is therefore never preempted
    and, since nothing is accepted that exceeds the whole pool, always finishes.
    """

    def __init__(self, limits: SchedulerLimits, blocks: BlockManager) -> None:
        self.limits = limits
        self.blocks = blocks
        self.waiting: list[Sequence] = []
        self.running: list[Sequence] = []
        self._num_arrivals = 0

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.running)

    def add(self, sequence: Sequence) -> None:
        """Queues a sequence; raises PromptTooLongError if the pool can never hold it."""
        # The last token's KV is never needed.
        num_tokens = sequence.num_prompt_tokens + sequence.stop.max_tokens - 1
        num_slots = self.blocks.num_blocks * self.blocks.block_size
        if self.blocks.num_blocks_for(num_tokens) > self.blocks.num_blocks:
            raise PromptTooLongError(
                f"Prompt and answer need {num_tokens} token slots; the KV cache has {num_slots}. "
                "Shorten the prompt or ask for fewer tokens.",
                metadata={"token_count": str(num_tokens), "max_token_count": str(num_slots)},
            )
        sequence.arrival = self._num_arrivals
        self._num_arrivals += 1
        insort(self.waiting, sequence, key=_rank)

    def schedule(self) -> list[ScheduledChunk]:
        """Returns the next step's chunks; empty only when nothing waits or runs."""
        budget = self.limits.max_num_batched_tokens
        preempted = self._make_room()
        chunks: list[ScheduledChunk] = []
        for sequence in self._decoding_first():
            num_tokens = min(sequence.num_uncomputed_tokens, budget)
            if num_tokens > 0:
                chunks.append(ScheduledChunk(sequence, num_tokens))
                budget -= num_tokens
        while not preempted and budget > 0 and self._can_admit():
            sequence = self._admit()
            num_tokens = min(sequence.num_uncomputed_tokens, budget)
            chunks.append(ScheduledChunk(sequence, num_tokens))
            budget -= num_tokens
        return chunks

    def _make_room(self) -> bool:
        """Gives every running sequence blocks for all its tokens; tells if one was preempted."""
        preempted = False
        for sequence in list(self.running):
            while sequence.status is SequenceStatus.RUNNING:
                if self.blocks.can_grow(sequence, sequence.num_tokens):
                    self.blocks.grow(sequence, sequence.num_tokens)
                    break
                self._preempt(self.running[-1])
                preempted = True
        return preempted

    def _decoding_first(self) -> list[Sequence]:
        # One token each: a long prefill takes only what they leave of the budget.
        return sorted(self.running, key=lambda sequence: sequence.num_uncomputed_tokens > 1)

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self.blocks.free(sequence)
        sequence.num_computed_tokens = 0
        sequence.num_preemptions += 1
        sequence.status = SequenceStatus.WAITING
        insort(self.waiting, sequence, key=_rank)

    def _can_admit(self) -> bool:
        if not self.waiting or len(self.running) >= self.limits.max_num_seqs:
            return False
        first = self.waiting[0]
        needed = self.blocks.num_missing_blocks(first, first.num_tokens)
        # A block in hand for each running sequence keeps a newcomer from being preempted at once.
        return needed + len(self.running) <= self.blocks.num_free_blocks

    def _admit(self) -> Sequence:
        sequence = self.waiting.pop(0)
        self.blocks.grow(sequence, sequence.num_tokens)
        sequence.status = SequenceStatus.RUNNING
        insort(self.running, sequence, key=_rank)
        return sequence

    def finish(self, sequence: Sequence) -> None:
        """Takes a sequence out, wherever it is, and frees its blocks."""
        for queue in (self.waiting, self.running):
            if sequence in queue:
                queue.remove(sequence)
        self.blocks.free(sequence)
        sequence.status = SequenceStatus.FINISHED

    def check_integrity(self) -> None:
        """Raises AssertionError when blocks and queues disagree."""
        self.blocks.check_integrity(self.running)
        assert not any(sequence.block_table for sequence in self.waiting)
        for queue in (self.waiting, self.running):
            assert queue == sorted(queue, key=_rank), "a queue is out of order"


def _rank(sequence: Sequence) -> tuple[int, int]:
    return sequence.rank
