"""Defects along columns: what a trap or a leak does to all pixels read through it.

NumPy only. Masks are True where a pixel is defective, shape (ny, nx), columns along
axis 0. The rules are those of Rubin's ``cpDefects.py``.
"""

from collections.abc import Mapping

import numpy as np

from calibrations.imaging.frames import Box

__all__ = [
    "count_long_columns",
    "dilate_rows",
    "fill_columns",
    "full_columns",
    "join_broken_columns",
]


def join_broken_columns(
    mask: np.ndarray, *, min_bad: int = 50, max_gap: int = 30
) -> np.ndarray:
    """Fill short gaps in columns that are bad on and off.

    Parameters
    ----------
    mask
        Of a whole detector.
    min_bad
        Bad pixels that make a column one that is bad on and off
        (``badOnAndOffPixelColumnThreshold``).
    max_gap
        Gaps of fewer good pixels than this are filled
        (``goodPixelColumnGapThreshold``).

    Returns
    -------
    numpy.ndarray
        A filled copy. A lone defect far from the others of its column stays alone.
    """
    filled = mask.copy()
    for x in np.flatnonzero(mask.sum(axis=0) >= min_bad):
        rows = np.flatnonzero(mask[:, x])
        gaps = np.diff(rows) - 1
        for i in np.flatnonzero((gaps > 0) & (gaps < max_gap)):
            filled[rows[i] + 1 : rows[i + 1], x] = True
    return filled


def full_columns(
    mask: np.ndarray, boxes: Mapping[str, Box], min_bad: int
) -> dict[str, np.ndarray]:
    """Find, for each amplifier, its columns with at least so many bad pixels.

    Parameters
    ----------
    mask
        Of a whole detector.
    boxes
        Amplifiers in ``mask``.
    min_bad
        Not positive: no column is looked for.

    Returns
    -------
    dict
        Column numbers within the detector.
    """
    if min_bad <= 0:
        return {name: np.empty(0, dtype=np.intp) for name in boxes}
    return {
        name: box.x0 + np.flatnonzero(mask[box.slices].sum(axis=0) >= min_bad)
        for name, box in boxes.items()
    }


def fill_columns(
    mask: np.ndarray, boxes: Mapping[str, Box], columns: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Give a copy in which these columns are bad over the height of their amplifier."""
    filled = mask.copy()
    for name, numbers in columns.items():
        filled[boxes[name].y0 : boxes[name].y1, numbers] = True
    return filled


def dilate_rows(mask: np.ndarray, radius: int) -> np.ndarray:
    """Widen a mask by ``radius`` pixels to the left and right, in its own rows."""
    widened = mask.copy()
    for step in range(1, radius + 1):
        widened[:, step:] |= mask[:, :-step]
        widened[:, :-step] |= mask[:, step:]
    return widened


def count_long_columns(mask: np.ndarray, min_run: int) -> tuple[int, int]:
    """Count bad columns, and the bad pixels that are in none.

    Parameters
    ----------
    mask
        Of one amplifier.
    min_run
        A column with as many bad pixels in a row is a bad column.

    Returns
    -------
    n_columns, n_pixels
        Pixels of bad columns are not counted again.
    """
    edges = np.zeros((mask.shape[0] + 1, mask.shape[1]), dtype=bool)
    edges[:-1] = mask
    edges[1:] ^= mask
    x, y = np.nonzero(edges.T)
    longest = np.zeros(mask.shape[1], dtype=np.int64)
    np.maximum.at(longest, x[::2], y[1::2] - y[::2])
    bad = longest >= min_run
    return int(bad.sum()), int(mask[:, ~bad].sum())
