"""What forward passes of the tower have done so far, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from sightline_common.bucket_counts import PASS_SECONDS, BucketCounts

BATCH_UNITS = (1, 2, 4, 8, 16, 32, 64, 128)
BATCH_PATCHES = (64, 256, 1024, 2048, 4096, 8192, 16384, 32768, 65536)


@dataclass
class PassCounts:
    """Written by one thread at a time; any thread may read.

    `units` are the pictures, tiles and frame groups that shared a pass.
    """

    seconds: BucketCounts = field(default_factory=lambda: BucketCounts(PASS_SECONDS))
    units: BucketCounts = field(default_factory=lambda: BucketCounts(BATCH_UNITS))
    patches: BucketCounts = field(default_factory=lambda: BucketCounts(BATCH_PATCHES))

    def add(self, num_units: int, num_patches: int, seconds: float) -> None:
        """Counts a pass that came to its end."""
        self.seconds.observe(seconds)
        self.units.observe(num_units)
        self.patches.observe(num_patches)
