"""Defects: which pixels of a detector are not to be trusted. NumPy in, NumPy out."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import Table

from calibrations.imaging.errors import ImageError

__all__ = ["DefectBoxes", "mask_defects"]


@dataclass(frozen=True, eq=False)
class DefectBoxes:
    """Rectangles of bad pixels, as the observatory's tables have them."""

    x0: np.ndarray
    """First column, from 0, in DM orientation."""

    y0: np.ndarray
    width: np.ndarray
    height: np.ndarray

    def __len__(self) -> int:
        return len(self.x0)

    def to_table(self) -> Table:
        """Give a row for each box."""
        columns = {
            name: np.asarray(getattr(self, name), np.int64) * u.pix
            for name in ("x0", "y0", "width", "height")
        }
        return Table(columns, meta={"kind": "defects", "version": 1})

    @classmethod
    def from_table(cls, table: Table) -> "DefectBoxes":
        """Read what `to_table` wrote."""
        return cls(
            *(
                np.asarray(table[name], np.int64)
                for name in ("x0", "y0", "width", "height")
            )
        )


def mask_defects(boxes: DefectBoxes, shape: tuple[int, int]) -> np.ndarray:
    """Give True where a pixel is defective.

    Parameters
    ----------
    boxes
        Defects; a box may reach beyond the detector, one wholly outside is an error.
    shape
        Rows and columns of the assembled detector.
    """
    mask = np.zeros(shape, dtype=bool)
    ny, nx = shape
    for x0, y0, width, height in zip(
        boxes.x0, boxes.y0, boxes.width, boxes.height, strict=True
    ):
        if x0 >= nx or y0 >= ny or x0 + width <= 0 or y0 + height <= 0:
            raise ImageError(
                f"A defect at x {x0}, y {y0} lies outside the detector of {nx} x {ny} "
                "pixels: are these the defects of this readout window?"
            )
        mask[max(y0, 0) : y0 + height, max(x0, 0) : x0 + width] = True
    return mask
