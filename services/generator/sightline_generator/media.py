"""Media of a request, before and after the encoder saw them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sightline.type.v1 import media_pb2
from sightline_common.digest import sha256_digest
from sightline_common.errors import MediaDigestError

from sightline_generator.engine.feature_rows import FeatureRows
from sightline_generator.families.base import MediaKind, MediumGrid, MediumShape


class MediumKey(NamedTuple):
    """Holds what a medium's features depend on, beside the checkpoint."""

    digest: str
    kind: MediaKind
    options: bytes
    salt: str


@dataclass(frozen=True)
class Medium:
    """Names a medium of a request; `data` is None when the client sent only the digest.

    `field` is the request's element, for error messages; `salt` keeps tenants apart.
    """

    kind: MediaKind
    digest: str
    data: bytes | None
    options: media_pb2.MediaOptions
    field: str
    salt: str = ""

    @property
    def key(self) -> MediumKey:
        """Equal for media that have equal features."""
        options = self.options.SerializeToString(deterministic=True)
        return MediumKey(self.digest, self.kind, options, self.salt)


@dataclass(frozen=True)
class EncodedMedium:
    """Holds what the encoder said; `features` [num_tokens, hidden_size] unless not asked for.

    Out of the index, `features` are the last rows at most. `timestamps` are a video's.
    """

    features: FeatureRows | None
    grid: MediumGrid
    num_tokens: int
    feature_key: str
    source: media_pb2.FeatureSource
    similar_distance: float | None = None
    timestamps: tuple[float, ...] = ()

    @property
    def shape(self) -> MediumShape:
        """What the medium's place in a prompt depends on."""
        return MediumShape(self.grid, self.timestamps)

    @property
    def content(self) -> str:
        """Identifies the features and how they are laid out."""
        grid = self.grid
        return f"{self.feature_key} {grid.time}x{grid.height}x{grid.width}"

    def without_features(self, source: media_pb2.FeatureSource) -> EncodedMedium:
        """Returns all but the features."""
        return dataclasses.replace(self, features=None, source=source)


def checked_digest(data: bytes, stated: str, field: str) -> str:
    """Returns a file's digest; raises MediaDigestError if `stated` is another, unless empty."""
    digest = sha256_digest(data)
    if stated not in ("", digest):
        raise MediaDigestError(
            "The bytes do not have the stated digest; send the right one or none.",
            field=field,
            metadata={"digest": stated, "actual_digest": digest},
        )
    return digest


class BytesWantedError(Exception):
    """Means that the encoder needs a file that the client did not send.

    Never leaves this service: all of a request's become one MediaBytesRequiredError.
    """


class MediaEncoder(Protocol):
    """Turns media into features; raises SightlineError but for BytesWantedError."""

    async def encode(self, medium: Medium, *, header_only: bool = False) -> EncodedMedium:
        """Raises BytesWantedError when `medium.data` is None and would be needed."""
        ...
