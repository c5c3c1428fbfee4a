"""What a flat leaves in the overscan, column by column, row by row. NumPy in and out.

The level is taken from the *far* part of each overscan: the usual fit, whose columns
begin where the charge has not all come out, would take some of it away.
"""

from dataclasses import dataclass

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.statistics import clip_columns, clipped_statistics

__all__ = ["OverscanProfile", "measure_overscan"]

FAR_COLUMNS = 20
"""Overscan columns after which an offset with the longest decay (4) is 0.7 % of what it
was; with a typical one (2.4), 0.02 %."""

FAR_ROWS = 5


@dataclass(frozen=True, eq=False)
class OverscanProfile:
    """One flat's signal and overscan in one amplifier, in electrons."""

    signal_e: float
    """Clipped mean of the light-sensitive pixels."""

    last_column_e: float
    """Clipped mean of the last column read before the overscan."""

    serial_e: np.ndarray
    """Clipped mean of each serial overscan column."""

    serial_err_e: np.ndarray
    """Errors of these means, from the scatter along the column."""

    parallel_e: np.ndarray
    """Clipped mean of each parallel overscan row, over light-sensitive columns."""

    n_serial: int
    """Transfers of the last column: prescan and light-sensitive columns."""

    n_parallel: int
    """Transfers of the last row."""

    n_level: int = 0
    """Far columns that gave the level of each row, whose noise all columns have in
    common; 0 where the level is known."""

    @property
    def is_usable(self) -> bool:
        """Whether there is signal, and nothing that is not a number."""
        numbers = [self.signal_e, self.last_column_e]
        return bool(
            np.isfinite(numbers).all()
            and self.signal_e > 0
            and np.isfinite(self.serial_e).all()
        )


def measure_overscan(
    segment_e: np.ndarray,
    data_box: Box,
    serial_overscan: Box,
    parallel_overscan: Box,
    *,
    mask: np.ndarray | None = None,
    far_columns: int = FAR_COLUMNS,
    far_rows: int = FAR_ROWS,
) -> OverscanProfile:
    """Measure one amplifier of one flat.

    Parameters
    ----------
    segment_e
        A whole segment in readout order, shape (ny, nx), in electrons, with or without
        its overscan subtracted.
    data_box, serial_overscan, parallel_overscan
        Its regions. The parallel response is measured in the *parallel* box, where
        upstream reads the serial one again.
    mask
        Same shape, True where a pixel is left out, as defects and saturated ones.
    far_columns, far_rows
        Where the level of a row (column) is taken: from so many on.

    Returns
    -------
    OverscanProfile
        NaN where nothing could be measured.
    """
    segment = np.asarray(segment_e)
    # float32, as the pipelines have it, is clipped by compiled code.
    if segment.dtype != np.float32:
        segment = segment.astype(np.float64)
    if mask is not None:
        if mask.shape != segment.shape:
            raise ImageError(
                f"A mask of shape {mask.shape} does not fit a segment of shape "
                f"{segment.shape}."
            )
        segment = np.where(mask, segment.dtype.type(np.nan), segment)
    _, n_columns = serial_overscan.shape
    if n_columns <= far_columns + 2:
        raise ImageError(
            f"The serial overscan has {n_columns} columns: after the first "
            f"{far_columns} none are left to give the level."
        )
    # The last columns are left out, as in the overscan fit.
    far = segment[:, serial_overscan.x0 + far_columns : serial_overscan.x1 - 2]
    segment = segment - _row_levels(far).astype(segment.dtype)[:, np.newaxis]
    rows = slice(data_box.y0, data_box.y1)
    serial = segment[rows, serial_overscan.x0 : serial_overscan.x1]
    columns, variances, counts = clip_columns(serial)
    last, _, _ = clip_columns(segment[rows, data_box.x1 - 1 : data_box.x1])
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.sqrt(variances / counts)
    return OverscanProfile(
        signal_e=clipped_statistics(segment[data_box.slices]).mean_clip,
        last_column_e=float(last[0]),
        serial_e=columns,
        serial_err_e=errors,
        parallel_e=_parallel_rows(segment, data_box, parallel_overscan, far_rows),
        n_serial=data_box.x1,
        n_parallel=data_box.y1,
        n_level=far.shape[1],
    )


def _row_levels(far: np.ndarray) -> np.ndarray:
    """Clipped mean of each row of the far overscan; 0 for a row without any."""
    levels, _, _ = clip_columns(far.T)
    result: np.ndarray = np.nan_to_num(levels, nan=0.0)
    return result


def _parallel_rows(
    segment: np.ndarray, data_box: Box, overscan: Box, far_rows: int
) -> np.ndarray:
    """Clipped mean of each parallel overscan row above the level of the far ones."""
    n_rows, _ = overscan.shape
    if n_rows <= far_rows:
        return np.full(max(n_rows, 0), np.nan)
    strip = segment[overscan.y0 : overscan.y1, data_box.x0 : data_box.x1]
    means, _, _ = clip_columns(strip.T)
    return means - clipped_statistics(means[far_rows:]).mean_clip
