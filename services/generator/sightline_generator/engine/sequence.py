"""The state of one request inside the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import torch

from sightline_generator.engine.stop import StopChecker, StopParams, TokenReader


class SequenceStatus(Enum):
    """Tells where a sequence is."""

    WAITING = "waiting"
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

    @property
    def penalised(self) -> bool:
        """Whether the tokens so far change the next one's logits directly."""
        penalties = (self.repetition_penalty, self.presence_penalty, self.frequency_penalty)
        return penalties != (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class FeatureSpan:
    """Places features [length, hidden_size] at the prompt positions from `offset`."""

    offset: int
    features: torch.Tensor


@dataclass
class SequenceTimes:
    """Gives moments of a sequence in the engine clock's seconds; None has not come yet."""

    admitted: float | None = None
    first_token: float | None = None
    last_token: float | None = None


@dataclass(eq=False)
class Sequence:
    """A prompt and what was generated for it.

    `position_ids` [3, num_prompt_tokens] are the prompt's; a generated token at index n
    has position n + `position_delta` in all three. `num_computed_tokens` tokens have
    their KV in `block_table`. Features are kept to the end, because a preempted sequence
    computes its prompt again.
    """

    prompt_token_ids: list[int]
    position_ids: torch.Tensor
    position_delta: int
    sampling: SamplingParams
    stop: StopParams
    reader: TokenReader
    feature_spans: list[FeatureSpan] = field(default_factory=list)
    priority: int = 0

    status: SequenceStatus = field(default=SequenceStatus.WAITING, init=False)
    arrival: int = field(default=0, init=False)
    token_ids: list[int] = field(init=False)
    num_computed_tokens: int = field(default=0, init=False)
    block_table: list[int] = field(default_factory=list, init=False)
    num_preemptions: int = field(default=0, init=False)
    times: SequenceTimes = field(default_factory=SequenceTimes, init=False)
    stop_checker: StopChecker = field(init=False)

    def __post_init__(self) -> None:
        self.token_ids = list(self.prompt_token_ids)
        self.stop_checker = StopChecker(self.stop, self.reader)

    @property
    def num_tokens(self) -> int:
        """Counts prompt and generated tokens."""
        return len(self.token_ids)

    @property
    def num_prompt_tokens(self) -> int:
        return len(self.prompt_token_ids)

    @property
    def num_generated_tokens(self) -> int:
        return len(self.token_ids) - len(self.prompt_token_ids)

    @property
    def num_uncomputed_tokens(self) -> int:
        """Counts tokens whose KV is missing: 1 while decoding."""
        return len(self.token_ids) - self.num_computed_tokens

    @property
    def rank(self) -> tuple[int, int]:
        """Orders sequences: higher priority first, then earlier arrival."""
        return (-self.priority, self.arrival)
