"""Overscan: the level of each row (serial) or column (parallel) read beside the pixels.

NumPy in, NumPy out. The fit is Rubin's ``MEDIAN_PER_ROW``: the first and last columns
of the overscan are skipped (the first carry deferred charge), outliers are clipped, and
the median of what is left of each row is taken off the whole row.
"""

import math
from dataclasses import dataclass

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.statistics import (
    IQR_TO_SIGMA,
    clip_bias_factor,
    clipped_statistics,
    percentiles,
)

__all__ = ["Overscan", "subtract_parallel_overscan", "subtract_serial_overscan"]


RESIDUAL_SIGMA = 3.0


@dataclass(frozen=True)
class Overscan:
    """What an overscan correction did to one amplifier."""

    data: np.ndarray
    """The whole segment, float32, level subtracted, in the unit it came in."""

    levels: np.ndarray
    """Level subtracted from each row (serial) or column (parallel)."""

    residual: np.ndarray
    """The overscan itself after subtraction, skipped columns left out."""

    @property
    def mean(self) -> float:
        """Mean level subtracted."""
        return float(np.mean(self.levels))

    @property
    def median(self) -> float:
        """Median level subtracted."""
        return float(np.median(self.levels))

    @property
    def stdev(self) -> float:
        """Scatter of the levels subtracted."""
        return float(np.std(self.levels, ddof=1)) if self.levels.size > 1 else 0.0

    @property
    def residual_stdev(self) -> float:
        """Scatter left in the overscan: an estimate of the read noise.

        Clipped at 3 σ, with what that hides of a Gaussian put back (1.4 %), which
        upstream leaves out. The median of each row hides 0.4 % more.
        """
        clipped = clipped_statistics(self.residual, sigma=RESIDUAL_SIGMA)
        return clipped.stdev_clip * math.sqrt(clip_bias_factor(RESIDUAL_SIGMA))


def subtract_serial_overscan(
    data: np.ndarray, overscan: Box, *, n_skip: int = 3, sigma: float = 3.0
) -> Overscan:
    """Subtract the median of each row of the serial overscan from that row.

    Parameters
    ----------
    data
        One segment as read, shape (ny, nx), in ADU.
    overscan
        Where the serial overscan is.
    n_skip
        Leading and trailing overscan columns left out of the fit.
    sigma
        Overscan pixels further than this from their row's median are left out.

    Returns
    -------
    Overscan
        Rows outside the overscan box (parallel overscan) take the level of their own
        overscan pixels: the box is widened to every row of the segment.
    """
    columns = slice(overscan.x0 + n_skip, overscan.x1 - n_skip)
    strip = data[:, columns].astype(np.float32)
    if strip.shape[1] < 1 or not strip.size:
        raise ImageError(
            f"The serial overscan has {overscan.x1 - overscan.x0} columns, of which "
            f"{n_skip} at each side are skipped: nothing is left to fit."
        )
    levels = _median_per_row(strip, sigma)
    corrected = data.astype(np.float32) - levels[:, np.newaxis]
    return Overscan(corrected, levels, strip - levels[:, np.newaxis])


def subtract_parallel_overscan(
    data: np.ndarray,
    overscan: Box,
    *,
    n_skip: int = 3,
    sigma: float = 3.0,
    max_deviation: float = 100.0,
) -> Overscan:
    """Subtract the median of each column of the parallel overscan from that column.

    Parameters
    ----------
    data
        One segment, serial overscan already subtracted, shape (ny, nx).
    overscan
        Where the parallel overscan is.
    n_skip, sigma
        As for the serial overscan, rows for columns.
    max_deviation
        Overscan pixels further than this from the median of the whole overscan
        (charge bleeding into it) are left out; a column with none left is not
        corrected.
    """
    rows = slice(overscan.y0 + n_skip, overscan.y1 - n_skip)
    strip = data[rows, overscan.x0 : overscan.x1].astype(np.float32)
    if strip.shape[0] < 1 or not strip.size:
        raise ImageError(
            f"The parallel overscan has {overscan.y1 - overscan.y0} rows, of which "
            f"{n_skip} at each side are skipped: nothing is left to fit."
        )
    deviant = np.abs(strip - np.median(strip)) > max_deviation
    levels = _median_per_row(np.where(deviant, np.nan, strip).T, sigma)
    levels = np.nan_to_num(levels, nan=0.0)
    corrected = data.astype(np.float32)
    corrected[:, overscan.x0 : overscan.x1] -= levels
    return Overscan(corrected, levels, strip - levels)


def _median_per_row(strip: np.ndarray, sigma: float) -> np.ndarray:
    """Median of each row after clipping, float32; NaN for a row without pixels."""
    levels = _nanmedian_rows(strip)
    residual = strip - levels[:, np.newaxis]
    q25, q75 = percentiles(residual, [25.0, 75.0])
    limit = sigma * IQR_TO_SIGMA * (q75 - q25)
    with np.errstate(invalid="ignore"):
        outlying = np.abs(residual) > limit
    # A perfectly constant overscan has no width to clip by.
    if limit > 0:
        rows = np.flatnonzero(outlying.any(axis=1))
        clipped = np.where(outlying[rows], np.float32(np.nan), strip[rows])
        levels[rows] = _nanmedian_rows(clipped)
    return levels


def _nanmedian_rows(strip: np.ndarray) -> np.ndarray:
    """Median along rows: sorting puts NaN last, which is faster than `nanmedian`."""
    ordered = np.sort(strip, axis=1)
    n_good = np.isfinite(ordered).sum(axis=1)
    last = np.maximum(n_good - 1, 0)
    rows = np.arange(len(ordered))
    median: np.ndarray = 0.5 * (
        ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]
    )
    return median.astype(np.float32)
