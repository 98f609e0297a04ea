"""The part of a patch grid that attends to itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Rows and columns of patches, and where they lie in the grid of the whole picture.

    All numbers count patches and are multiples of the merge size. A picture that passes the
    tower at once, or one frame group of a video, is the window that fills its grid.
    """

    grid_rows: int
    grid_columns: int
    rows: int
    columns: int
    top: int = 0
    left: int = 0

    @classmethod
    def whole(cls, rows: int, columns: int) -> Window:
        """Returns the window that fills a grid."""
        return cls(rows, columns, rows, columns)

    @property
    def num_patches(self) -> int:
        return self.rows * self.columns

    @property
    def is_whole(self) -> bool:
        return (self.rows, self.columns) == (self.grid_rows, self.grid_columns)
