"""Which sequences compute which tokens in the next step."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import NamedTuple

from sightline_common.errors import PromptTooLongError

from sightline_generator.engine.block_manager import BlockManager
from sightline_generator.engine.prefill_pace import PrefillPace
from sightline_generator.engine.sequence import Sequence, SequenceStatus


@dataclass(frozen=True)
class SchedulerLimits:
    """Bounds one step: sequences that run together, and tokens that are computed.

    `max_step_s` is about how long a step may take, in seconds, that computes a prompt while
    answers are written: longer prompts are computed in smaller pieces (see PrefillPace).
    """

    max_num_seqs: int
    max_num_batched_tokens: int
    max_step_s: float


@dataclass(frozen=True)
class ScheduledChunk:
    """Says that a sequence computes its next `num_tokens` uncomputed tokens."""

    sequence: Sequence
    num_tokens: int

    @property
    def completes(self) -> bool:
        """Whether the next token can be sampled after this chunk."""
        return self.num_tokens == self.sequence.num_uncomputed_tokens


class Schedule(NamedTuple):
    """Says what a step computes, who joined for the first time, and who lacks features.

    The first `num_decoding` chunks compute the last token of a sequence.
    """

    chunks: list[ScheduledChunk]
    num_decoding: int
    started: list[Sequence]
    without_features: list[Sequence]


class Scheduler:
    """Batches continuously: sequences join and leave at every step.

    Pure: no clock, no I/O. Sequences run by rank (priority, then arrival). A running
    sequence owns blocks for all its tokens; one that joins gets them at once, and one
    that grows beyond free blocks takes them from the running sequence of last rank, which
    returns to waiting and is recomputed. The first in rank is therefore never preempted
    and, since nothing is accepted that exceeds the whole pool, always finishes.

    A sequence that would join, but whose features are neither at hand nor cached, steps
    aside until `resume`. `num_prefix_queries` and `num_prefix_hits` count tokens.
    """

    def __init__(self, limits: SchedulerLimits, blocks: BlockManager) -> None:
        self.limits = limits
        self.blocks = blocks
        self.waiting: list[Sequence] = []
        self.running: list[Sequence] = []
        self.without_features: set[Sequence] = set()
        self._pace = PrefillPace(limits.max_step_s, limits.max_num_batched_tokens)
        self._num_arrivals = 0
        self.num_preemptions = 0
        self.num_prefix_queries = 0
        self.num_prefix_hits = 0

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

    def resume(self, sequence: Sequence) -> None:
        """Queues a sequence again that stepped aside; harmless when it has ended."""
        if sequence in self.without_features:
            self.without_features.remove(sequence)
            self._enqueue(sequence)

    def schedule(self) -> Schedule:
        """Returns the next step.

        It is without chunks only when nothing waits, and all that runs has its last token
        pending.
        """
        preempted = self._make_room()
        before = set(self.without_features)
        started = [] if preempted else self._admit_all()
        decoding = [seq for seq in self._unfinished() if seq.num_uncomputed_tokens == 1]
        decoding = decoding[: self.limits.max_num_batched_tokens]
        chunks = [ScheduledChunk(sequence, 1) for sequence in decoding]
        return Schedule(
            chunks + self._prefill_chunks(len(decoding)),
            len(decoding),
            started,
            list(self.without_features - before),
        )

    def observe(self, schedule: Schedule, step_s: float) -> None:
        """Takes notice of how many seconds a step took."""
        prefill = schedule.chunks[schedule.num_decoding :]
        num_tokens = sum(chunk.num_tokens for chunk in prefill)
        self._pace.observe(num_tokens, schedule.num_decoding, step_s)

    def _prefill_chunks(self, num_decoding: int) -> list[ScheduledChunk]:
        # Prompts take what decoding leaves of the budget, and of the time.
        prefilling = [seq for seq in self.running if seq.num_uncomputed_tokens > 1]
        budget = self.limits.max_num_batched_tokens - num_decoding
        budget = min(budget, self._pace.limit(len(prefilling), num_decoding))
        shares = _shares(prefilling, budget)
        return [ScheduledChunk(seq, shares[seq]) for seq in prefilling if seq in shares]

    def _unfinished(self) -> list[Sequence]:
        # Whose last token is pending needs no room for it: its KV is never read.
        return [sequence for sequence in self.running if not sequence.is_long_enough]

    def _make_room(self) -> bool:
        """Gives every running sequence blocks for all its tokens; tells if one was preempted."""
        preempted = False
        for sequence in self._unfinished():
            if self.blocks.has_room(sequence):
                continue
            while sequence.status is SequenceStatus.RUNNING:
                if self.blocks.can_grow(sequence, sequence.num_tokens):
                    self.blocks.grow(sequence, sequence.num_tokens)
                    break
                self._preempt(self.running[-1])
                preempted = True
        return preempted

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self.blocks.free(sequence, proven=sequence.proven)
        sequence.num_computed_tokens = sequence.num_proven_tokens = 0
        sequence.num_preemptions += 1
        self.num_preemptions += 1
        self._enqueue(sequence)

    def _enqueue(self, sequence: Sequence) -> None:
        sequence.status = SequenceStatus.WAITING
        insort(self.waiting, sequence, key=_rank)

    def _admit_all(self) -> list[Sequence]:
        """Lets join who fits, by rank; returns who joined for the first time."""
        started: list[Sequence] = []
        num_held = 0
        # Who is held back keeps a place.
        while (
            num_held < len(self.waiting) and num_held + len(self.running) < self.limits.max_num_seqs
        ):
            first = self.waiting[num_held]
            if self._is_held_back(first):
                num_held += 1
                continue
            needed = self.blocks.num_blocks_to_start(first)
            # A block in hand for each running sequence keeps a newcomer from being
            # preempted at once.
            if needed + len(self.running) > self.blocks.num_free_blocks:
                break
            del self.waiting[num_held]
            if first.spans_without_features(self.blocks.num_cached_tokens(first)):
                first.status = SequenceStatus.WITHOUT_FEATURES
                self.without_features.add(first)
                continue
            self._start(first)
            if not first.num_preemptions:
                started.append(first)
        return started

    def _is_held_back(self, sequence: Sequence) -> bool:
        """Tells whether a running sequence computes half or more of what this one lacks."""
        lacking = sequence.num_tokens - self.blocks.num_cached_tokens(sequence)
        return any(
            2 * self.blocks.num_pending_tokens(sequence, running) >= lacking
            for running in self.running
            if running.num_cached_blocks < len(running.block_hashes)
            and running.priority >= sequence.priority
        )

    def _start(self, sequence: Sequence) -> None:
        num_cached = self.blocks.start(sequence)
        self.num_prefix_queries += sequence.num_tokens
        self.num_prefix_hits += num_cached
        sequence.num_computed_tokens = sequence.num_proven_tokens = num_cached
        if not sequence.num_preemptions:
            sequence.num_reused_tokens = num_cached
        sequence.status = SequenceStatus.RUNNING
        insort(self.running, sequence, key=_rank)

    def finish(self, sequence: Sequence, *, proven: bool = True) -> None:
        """Takes a sequence out, wherever it is, and frees its blocks.

        Without `proven` what it computed may be no numbers.
        """
        for queue in (self.waiting, self.running):
            if sequence in queue:
                queue.remove(sequence)
        self.without_features.discard(sequence)
        self.blocks.free(sequence, proven=proven and sequence.proven)
        sequence.forget_pending_tokens()
        sequence.status = SequenceStatus.FINISHED

    def check_integrity(self) -> None:
        """Raises AssertionError when blocks and queues disagree."""
        aside = [*self.waiting, *self.without_features]
        self.blocks.check_integrity([*self.running, *aside])
        assert not any(sequence.block_table for sequence in aside)
        for queue in (self.waiting, self.running):
            assert queue == sorted(queue, key=_rank), "a queue is out of order"


def _rank(sequence: Sequence) -> tuple[int, int]:
    return sequence.rank


def _shares(sequences: list[Sequence], budget: int) -> dict[Sequence, int]:
    """Divides a token budget among sequences that compute their prompts, given by rank.

    Half is the first one's, so that none starves; the rest goes to whoever is nearest
    to its first token, so that a short prompt does not wait for a long one.
    """
    shares: dict[Sequence, int] = {}

    def give(sequence: Sequence, most: int) -> int:
        given = shares.get(sequence, 0)
        more = min(sequence.num_uncomputed_tokens - given, most)
        if more > 0:
            shares[sequence] = given + more
        return more

    if sequences:
        budget -= give(sequences[0], -(-budget // 2))
    for sequence in sorted(sequences, key=lambda seq: (-seq.priority, seq.num_uncomputed_tokens)):
        budget -= give(sequence, budget)
    return shares
