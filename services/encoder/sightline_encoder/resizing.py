"""How large a picture is shown to the tower."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image
from sightline_common.errors import MediaAspectRatioError

from sightline_encoder.decoded import Plane
from sightline_encoder.resampling import resampled

_MAX_RATIO = 200


@dataclass(frozen=True)
class Resizing:
    """The rule of the glm4v and glm46v processors.

    Sides become multiples of `cell` pixels, close to the picture's own, so that
    `num_frames` times their product lies between `shortest_edge` and `longest_edge`.
    `filter` is Pillow's number of a resampling filter.
    """

    cell: int
    num_frames: int
    shortest_edge: int
    longest_edge: int
    filter: int

    def apply(self, image: Image.Image) -> Plane:
        """Returns the resized picture's pixels, [height, width, channels].

        Raises MediaAspectRatioError.
        """
        return resampled(image, self.size(*image.size), self.filter)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Returns width and height after resizing; raises MediaAspectRatioError."""
        width, height = self._at_least_a_cell(width, height)
        if max(width, height) / min(width, height) > _MAX_RATIO:
            raise MediaAspectRatioError("The picture is too long and thin for the model; crop it.")
        nearest = self._whole(round(width / self.cell), round(height / self.cell))
        shown = self.num_frames * nearest[0] * nearest[1]
        if shown > self.longest_edge:
            return self._shrunk(width, height)
        return self._grown(width, height) if shown < self.shortest_edge else nearest

    def _at_least_a_cell(self, width: int, height: int) -> tuple[int, int]:
        if min(width, height) >= self.cell:
            return width, height
        scale = max(self.cell / height, self.cell / width)
        return int(width * scale), int(height * scale)

    def _shrunk(self, width: int, height: int) -> tuple[int, int]:
        divisor = math.sqrt(self.num_frames * height * width / self.longest_edge)
        columns, rows = (math.floor(side / divisor / self.cell) for side in (width, height))
        return self._whole(max(1, columns), max(1, rows))

    def _grown(self, width: int, height: int) -> tuple[int, int]:
        factor = math.sqrt(self.shortest_edge / (self.num_frames * height * width))
        columns, rows = (math.ceil(side * factor / self.cell) for side in (width, height))
        return self._whole(columns, rows)

    def _whole(self, columns: int, rows: int) -> tuple[int, int]:
        return columns * self.cell, rows * self.cell
