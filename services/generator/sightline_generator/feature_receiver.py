"""Features as they arrive: checked before memory is taken, and again when they are complete."""

from __future__ import annotations

from sightline.encoder.v1 import encoder_pb2
from sightline_common.checksum import Checksum
from sightline_common.digest import Digest
from sightline_common.errors import ModelMismatchError, PayloadCorruptError, PromptTooLongError
from sightline_common.tensors import TensorLayout, tensor_layout

from sightline_generator.arriving_rows import ArrivingRows
from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.families.base import Family, MediumGrid
from sightline_generator.media import EncodedMedium

MAX_SECONDS = 1e6
MAX_TOKENS = 2**20
"""Beyond what any medium has; of a grid's sides too."""
MAX_TENSORS = 16


class FeatureReceiver:
    """Takes one header and its chunks, and looks at every byte while it is at hand."""

    def __init__(
        self,
        header: encoder_pb2.FeatureHeader,
        fingerprint: str,
        family: Family,
        *,
        header_only: bool = False,
    ) -> None:
        """Takes no memory yet: only chunks, if any are wanted, make it.

        Raises ModelMismatchError, PayloadCorruptError for a header that cannot be true, and
        PromptTooLongError for features that no prompt of the model has room for.
        """
        self.header = header
        self._grid = _grid(header)
        layout = _checked_layout(header, self._grid, fingerprint, family)
        # Encoders of an earlier version state a digest alone.
        self._proof = Checksum() if header.payload_checksum else Digest()
        if not header_only:
            _check_room(header, family.shape.max_positions)
        num_bytes = 0 if header_only else header.payload_byte_count
        self._arriving = ArrivingRows(layout, num_bytes, looked_at=header.finite)

    @property
    def is_complete(self) -> bool:
        """Whether all bytes have come that are wanted."""
        return self._arriving.is_complete

    def add(self, chunk: bytes | memoryview) -> None:
        """Takes the next bytes; raises PayloadCorruptError when they are too many."""
        self._arriving.add(chunk)
        self._proof.update(chunk)

    def features(self) -> FeatureRows:
        """Returns [token_count, hidden_size]; raises PayloadCorruptError."""
        rows = self._arriving.rows()
        if self._proof.text() != (self.header.payload_checksum or self.header.payload_digest):
            raise PayloadCorruptError("The features do not have the stated digest.")
        if not self._arriving.scan.is_finite:
            raise PayloadCorruptError("The features are not finite numbers.")
        return rows

    def encoded(self, features: FeatureRows | None) -> EncodedMedium:
        """Returns what the encoder said, with features unless only the header was wanted."""
        header = self.header
        similar = header.HasField("similar_distance")
        return EncodedMedium(
            features=features,
            grid=self._grid,
            num_tokens=header.token_count,
            feature_key=header.feature_key,
            source=header.source,
            similar_distance=header.similar_distance if similar else None,
            timestamps=tuple(header.frame_timestamps),
        )


def _checked_layout(
    header: encoder_pb2.FeatureHeader, grid: MediumGrid, fingerprint: str, family: Family
) -> TensorLayout:
    """Checks what says how much memory the payload will take; returns how features lie in it."""
    if header.checkpoint_fingerprint != fingerprint:
        raise ModelMismatchError(
            "The encoder serves another checkpoint than this generator.",
            metadata={"encoder": header.checkpoint_fingerprint, "own": fingerprint},
        )
    sizes, num_tokens = (grid.time, grid.height, grid.width), header.token_count
    if max(*sizes, num_tokens) > MAX_TOKENS:
        raise PayloadCorruptError(f"No medium has a grid of {sizes} patches.")
    if min(*sizes, num_tokens) < 1 or family.token_count(grid) != num_tokens:
        raise PayloadCorruptError(f"A grid of {sizes} patches does not have {num_tokens} tokens.")
    _check_timestamps(header)
    return _features_layout(header, (num_tokens, family.shape.hidden_size))


def _features_layout(header: encoder_pb2.FeatureHeader, shape: tuple[int, int]) -> TensorLayout:
    """Returns how the first tensor lies.

    Further tensors may lie beside the features, but no more than as much again.
    """
    specs = header.tensors
    if len(specs) > MAX_TENSORS:
        raise PayloadCorruptError("The payload has more tensors than any has.")
    layouts = [tensor_layout(spec) for spec in specs]
    if not layouts or specs[0].name != "features" or layouts[0].shape != shape:
        raise PayloadCorruptError(f"The first tensor is not features of shape {shape}.")
    num_bytes = sum([layout.num_bytes for layout in layouts])
    if num_bytes != header.payload_byte_count or num_bytes > 2 * layouts[0].num_bytes:
        raise PayloadCorruptError("The tensors do not have the stated size.")
    return layouts[0]


def _check_room(header: encoder_pb2.FeatureHeader, max_positions: int) -> None:
    if header.token_count >= max_positions:
        raise PromptTooLongError(
            f"A picture or video has {header.token_count} tokens; the model has {max_positions} "
            "positions. Send a smaller or shorter one.",
            field="messages",
            metadata={
                "prompt_token_count": str(header.token_count),
                "max_prompt_token_count": str(max_positions - 1),
            },
        )


def _check_timestamps(header: encoder_pb2.FeatureHeader) -> None:
    """A picture has no times, a video one for each frame group: they become its prompt."""
    times = header.frame_timestamps
    if not times:
        return
    if len(times) != header.grid.time_count:
        raise PayloadCorruptError("The frame groups do not have one time each.")
    if not all(0 <= seconds < MAX_SECONDS for seconds in times):
        raise PayloadCorruptError("A frame group's time is none.")


def _grid(header: encoder_pb2.FeatureHeader) -> MediumGrid:
    grid = header.grid
    return MediumGrid(grid.time_count, grid.height_count, grid.width_count)
