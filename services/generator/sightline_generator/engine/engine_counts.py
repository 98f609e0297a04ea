"""What the engine has done so far, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from sightline_common.bucket_counts import PASS_SECONDS, BucketCounts

STEP_TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


@dataclass
class EngineCounts:
    """Written by the engine's thread alone, a microsecond a token; any thread may read.

    `inter_token_s` are the seconds between two tokens of a sequence, `step_s` those that
    steps took, `step_tokens` the tokens that they computed.
    """

    num_prompt_tokens: int = 0
    num_generated_tokens: int = 0
    num_failures: int = 0
    inter_token_s: BucketCounts = field(default_factory=lambda: BucketCounts(PASS_SECONDS))
    step_s: BucketCounts = field(default_factory=lambda: BucketCounts(PASS_SECONDS))
    step_tokens: BucketCounts = field(default_factory=lambda: BucketCounts(STEP_TOKENS))

    def add_token(self, now: float, earlier: float | None) -> None:
        """Counts a sequence's token; `earlier` is when it got the one before, if it did."""
        self.num_generated_tokens += 1
        if earlier is not None:
            self.inter_token_s.observe(now - earlier)
