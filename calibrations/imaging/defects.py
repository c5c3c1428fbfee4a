"""Defects: which pixels of a detector are not to be trusted. NumPy in, NumPy out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from astropy import units as u
from astropy.table import Table

from calibrations.imaging.errors import ImageError

__all__ = [
    "DefectBoxes",
    "MergeMode",
    "boxes_from_mask",
    "mask_defects",
    "mask_edges",
    "merge_masks",
]

MergeMode = Literal["OR", "AND", "FRACTION"]


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


def boxes_from_mask(mask: np.ndarray) -> DefectBoxes:
    """Cover exactly the bad pixels by rectangles that do not overlap.

    Runs along columns, the direction in which charge is moved and most defects lie,
    are joined to neighbours of the same rows.

    Parameters
    ----------
    mask
        Shape (ny, nx), True where a pixel is defective.

    Returns
    -------
    DefectBoxes
        Ordered by column, then row.
    """
    if mask.ndim != 2:
        raise ImageError(f"A defect mask has two axes, this one has {mask.ndim}.")
    edges = np.zeros((mask.shape[0] + 1, mask.shape[1]), dtype=bool)
    edges[:-1] = mask
    edges[1:] ^= mask
    x, y = np.nonzero(edges.T)
    # Each run opens and closes an edge in its column, one after the other.
    column, start, stop = x[::2], y[::2], y[1::2]
    order = np.lexsort((column, stop, start))
    column, start, stop = column[order], start[order], stop[order]
    joined = (
        (column[1:] == column[:-1] + 1)
        & (start[1:] == start[:-1])
        & (stop[1:] == stop[:-1])
    )
    first = np.flatnonzero(np.concatenate([[True], ~joined])) if column.size else column
    width = np.diff(np.append(first, column.size))
    x0, y0, height = column[first], start[first], (stop - start)[first]
    by_column = np.lexsort((y0, x0))
    return DefectBoxes(
        *(part[by_column].astype(np.int64) for part in (x0, y0, width, height))
    )


def merge_masks(
    masks: Sequence[np.ndarray], mode: MergeMode = "OR", *, fraction: float = 0.7
) -> np.ndarray:
    """Join what several frames say of the same detector.

    Parameters
    ----------
    masks
        Each of shape (ny, nx), True where a pixel is defective.
    mode
        A pixel is defective where any mask says so, where all do, or where more than
        ``fraction`` of them do.
    fraction
        From 0 up to but not including 1.

    Notes
    -----
    Upstream (``cpDefects.py``) compares a mean of at most 1 with ``> 1.0`` in the
    mode AND, which finds nothing; here AND is all of them.
    """
    if not masks:
        raise ImageError("There is no defect mask to merge.")
    if len({mask.shape for mask in masks}) > 1:
        raise ImageError(
            "Defects of different readout windows cannot be merged: "
            f"{', '.join(str(mask.shape) for mask in masks)}."
        )
    counts = np.zeros(masks[0].shape, dtype=np.int32)
    for mask in masks:
        counts += mask
    if mode == "OR":
        return counts > 0
    if mode == "AND":
        return counts == len(masks)
    if mode == "FRACTION" and 0 <= fraction < 1:
        return counts > fraction * len(masks)
    raise ImageError(f"Masks cannot be merged by {mode} with a fraction of {fraction}.")


def mask_edges(
    shape: tuple[int, int], *, rows: int = 0, columns: int = 0
) -> np.ndarray:
    """Mark the rows at the lower and upper, the columns at the left and right edge.

    Parameters
    ----------
    shape
        Rows and columns of the assembled detector.
    rows, columns
        How many at each side.
    """
    if rows < 0 or columns < 0:
        raise ImageError(f"An edge of {rows} rows and {columns} columns is none.")
    mask = np.ones(shape, dtype=bool)
    mask[
        rows : max(shape[0] - rows, rows), columns : max(shape[1] - columns, columns)
    ] = False
    return mask
