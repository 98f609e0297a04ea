"""The state of one request inside the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import NamedTuple

import torch

from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.engine.stop import StopChecker, StopParams, TokenReader


class SequenceStatus(Enum):
    """Tells where a sequence is."""

    WAITING = "waiting"
    WITHOUT_FEATURES = "without features"
    RUNNING = "running"
    FINISHED = "finished"


@dataclass(frozen=True)
class SamplingParams:
    """Says how tokens are chosen; the defaults take the most likely one.

    `temperature` 0 is greedy, `top_k` 0 keeps all, `num_logprobs` None wants none and
    k wants the chosen token's and the k most likely ones'.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = 0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    num_logprobs: int | None = None

    @cached_property
    def penalised(self) -> bool:
        """Whether the tokens so far change the next one's logits directly."""
        penalties = (self.repetition_penalty, self.presence_penalty, self.frequency_penalty)
        return penalties != (1.0, 0.0, 0.0)


@dataclass
class FeatureSpan:
    """Places a medium's features at the `length` prompt positions from `offset`.

    `content` identifies the features: equal content means equal keys and values behind an
    equal prefix. `features` [num_rows, hidden_size] are the last rows, or None: what lies
    before them is computed from the prefix cache alone.
    """

    offset: int
    length: int
    content: str
    features: FeatureRows | None = None

    @property
    def end(self) -> int:
        return self.offset + self.length

    @property
    def features_offset(self) -> int:
        """The first position whose feature is at hand."""
        return self.end - (0 if self.features is None else len(self.features))


@dataclass
class SequenceTimes:
    """Gives moments of a sequence in the engine clock's seconds; None has not come yet."""

    admitted: float | None = None
    first_token: float | None = None
    last_token: float | None = None


class CachedPrefix(NamedTuple):
    """Holds the cached blocks that were found for a sequence, and after how many evictions."""

    num_evictions: int
    blocks: list[int]


class PendingToken(NamedTuple):
    """Says where on the device a sampled token lies that the host does not know yet.

    `token_ids` [num_seqs] int64 are those of a whole step.
    """

    token_ids: torch.Tensor
    row: int


@dataclass(eq=False)
class Sequence:
    """A prompt and what was generated for it.

    `token_ids` are those that the host knows; `num_pending_tokens` more were sampled on the
    device, `last_pending` the last of them. `position_ids` [3, num_prompt_tokens] are the
    prompt's; a generated token at index n has position n + `position_delta` in all three.
    `num_computed_tokens` tokens have their KV in `block_table`, or a step that runs writes
    it; `num_proven_tokens` of them are known to have led to finite logits, and
    `num_cached_blocks` blocks are shared through the prefix cache or were offered to it.
    `cached_prefix` is what the block manager found when it last looked, and
    `num_reused_tokens` is what the prefix cache had when the sequence first ran. Features
    are dropped once the KV of their tokens is computed.
    """

    prompt_token_ids: list[int]
    position_ids: torch.Tensor
    position_delta: int
    sampling: SamplingParams
    stop: StopParams
    reader: TokenReader
    feature_spans: list[FeatureSpan] = field(default_factory=list)
    priority: int = 0
    adapter: str = ""
    salt: str = ""
    request_id: str = ""

    status: SequenceStatus = field(default=SequenceStatus.WAITING, init=False)
    arrival: int = field(default=0, init=False)
    token_ids: list[int] = field(init=False)
    num_pending_tokens: int = field(default=0, init=False)
    last_pending: PendingToken | None = field(default=None, init=False)
    num_computed_tokens: int = field(default=0, init=False)
    num_proven_tokens: int = field(default=0, init=False)
    num_reused_tokens: int = field(default=0, init=False)
    num_cached_blocks: int = field(default=0, init=False)
    block_hashes: list[bytes] = field(default_factory=list, init=False)
    cached_prefix: CachedPrefix | None = field(default=None, init=False)
    block_table: list[int] = field(default_factory=list, init=False)
    num_preemptions: int = field(default=0, init=False)
    times: SequenceTimes = field(default_factory=SequenceTimes, init=False)
    stop_checker: StopChecker = field(init=False)

    def __post_init__(self) -> None:
        self.token_ids = list(self.prompt_token_ids)
        self.stop_checker = StopChecker(self.stop, self.reader)

    @property
    def num_tokens(self) -> int:
        """Counts prompt and generated tokens, pending ones included."""
        return len(self.token_ids) + self.num_pending_tokens

    @property
    def num_prompt_tokens(self) -> int:
        return len(self.prompt_token_ids)

    @property
    def num_generated_tokens(self) -> int:
        return self.num_tokens - len(self.prompt_token_ids)

    @property
    def num_uncomputed_tokens(self) -> int:
        """Counts tokens whose KV is missing: 1 while decoding."""
        return len(self.token_ids) + self.num_pending_tokens - self.num_computed_tokens

    @property
    def is_long_enough(self) -> bool:
        """Whether the pending tokens end the answer, whatever they are."""
        num_tokens = len(self.token_ids) + self.num_pending_tokens
        return num_tokens - len(self.prompt_token_ids) >= self.stop.max_tokens

    @property
    def proven(self) -> bool:
        """Whether all KV of the sequence is known to be finite."""
        return self.num_computed_tokens == self.num_proven_tokens

    def spans_without_features(self, num_computed_tokens: int) -> list[int]:
        """Returns which feature spans are lacking to compute what follows those tokens."""
        return [
            index
            for index, span in enumerate(self.feature_spans)
            if max(span.offset, num_computed_tokens) < span.features_offset
        ]

    def await_token(self, pending: PendingToken) -> None:
        """Takes notice that the next token was sampled."""
        self.num_pending_tokens += 1
        self.last_pending = pending

    def learn_token(self, token_id: int) -> None:
        """Takes the first pending token."""
        self.num_pending_tokens -= 1
        self.token_ids.append(token_id)

    def forget_pending_tokens(self) -> None:
        """Drops what was sampled beyond the end."""
        self.num_pending_tokens = 0
        self.last_pending = None

    def drop_used_features(self) -> None:
        """Lets go of the features whose KV is computed."""
        for span in self.feature_spans:
            if span.end <= self.num_computed_tokens:
                span.features = None

    @property
    def rank(self) -> tuple[int, int]:
        """Orders sequences: higher priority first, then earlier arrival."""
        return (-self.priority, self.arrival)
