"""Numbers that reviewers of a camera ask for beyond the tests. NumPy and SciPy.

Definitions are those of the camera team's ``eo_pipe``, or ours where that is said. They
have no limits: a report shows them, and how they change.
"""

from collections.abc import Mapping

import numpy as np

from calibrations.imaging.cti_response import extended_pixel_edge_response
from calibrations.imaging.defect_columns import count_long_columns
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.statistics import (
    ClippedStatistics,
    clip_columns,
    clipped_statistics,
    percentiles,
)

__all__ = [
    "bright_defects",
    "dark_current",
    "dark_defects",
    "edge_responses",
    "overscan_read_noise",
    "row_means_variance",
    "tearing",
    "trend",
]

BRIGHT_E_S = 5.0
BRIGHT_COLUMN = 20
DARK_RESPONSE = 0.8
DARK_COLUMN = 100
TEARING_ROWS = (10, 210)
TEARING_EDGE = 25
"""Columns at each edge of an amplifier that its slope is not fitted to."""

SAMPLE = 100_000
"""Pixels of an amplifier that its level is measured on where it is only clipped by."""

TEARING_NEAR = 2
"""Columns beside a border of amplifiers in which tearing is looked for."""


def overscan_read_noise(
    overscan: np.ndarray,
    *,
    n_boxes: int = 100,
    size: int = 20,
    edge: int = 2,
    seed: int = 0,
) -> float:
    """Estimate the read noise from the scatter in random boxes of the overscan.

    Parameters
    ----------
    overscan
        Serial overscan as read, shape (ny, nx), ADU.
    n_boxes, size
        How many squares of what side; smaller where the overscan is.
    edge
        Pixels left out all around, which hold deferred charge.
    seed
        Of the boxes' places: the same frame gives the same number (upstream draws
        others each time).

    Returns
    -------
    float
        Median of the boxes' standard deviations, ADU; NaN where no box has two finite
        pixels. Drifts along the rows are in it where they are quick.
    """
    inner = overscan[edge : overscan.shape[0] - edge, edge : overscan.shape[1] - edge]
    high, wide = (min(size, length) for length in inner.shape)
    if high < 1 or wide < 1 or high * wide < 2:
        raise ImageError(
            f"An overscan of {overscan.shape} pixels (y, x) without {edge} at each "
            "edge has no room for a box."
        )
    rng = np.random.default_rng(seed)
    ys = rng.integers(0, inner.shape[0] - high + 1, n_boxes)
    xs = rng.integers(0, inner.shape[1] - wide + 1, n_boxes)
    windows = np.lib.stride_tricks.sliding_window_view(inner, (high, wide))
    boxes = windows[ys, xs].reshape(n_boxes, -1).astype(np.float64)
    finite = np.isfinite(boxes).sum(axis=1) > 1
    if not finite.any():
        return float("nan")
    return float(np.median(np.nanstd(boxes[finite], axis=1, ddof=1)))


def edge_responses(
    segment: np.ndarray, data: Box, serial_overscan: Box, parallel_overscan: Box
) -> tuple[float, float]:
    """Measure what is left behind the last column and the last row of a flat.

    Parameters
    ----------
    segment
        One amplifier in readout order, overscan subtracted, any unit.
    data, serial_overscan, parallel_overscan
        Its regions.

    Returns
    -------
    serial, parallel
        (os1 + os2) / (last column or row) / (n + 1), n columns or rows; NaN without
        signal or overscan.
    """
    columns = slice(serial_overscan.x0, serial_overscan.x0 + 2)
    serial = _edge_response(
        segment[data.y0 : data.y1, columns],
        segment[data.y0 : data.y1, data.x1 - 1],
        data.x1 - data.x0 + 1,
    )
    rows = slice(parallel_overscan.y0, parallel_overscan.y0 + 2)
    parallel = _edge_response(
        segment[rows, data.x0 : data.x1].T,
        segment[data.y1 - 1, data.x0 : data.x1],
        data.y1 - data.y0 + 1,
    )
    return serial, parallel


def _edge_response(edge: np.ndarray, last: np.ndarray, n_transfers: int) -> float:
    """Response of lines put together; those with a value that is no number are not."""
    good = np.isfinite(edge).all(axis=1) & np.isfinite(last)
    if edge.shape[1] < 2 or not good.any():
        return float("nan")
    signal = last[good].astype(np.float64).mean()
    if not signal > 0:
        return float("nan")
    behind = edge[good].astype(np.float64).mean(axis=0)
    response = extended_pixel_edge_response(
        behind[np.newaxis], np.array([signal]), n_transfers
    )
    return float(response[0])


def dark_current(
    dark: np.ndarray, mask: np.ndarray | None = None
) -> tuple[float, float]:
    """Give the median and the 95th percentile of a dark, in its unit (e-/s)."""
    median, high = percentiles(dark, [50.0, 95.0], mask=mask)
    return median, high


def bright_defects(
    dark: np.ndarray, *, limit_e_s: float = BRIGHT_E_S, min_run: int = BRIGHT_COLUMN
) -> tuple[int, int]:
    """Count bright columns of a dark (e-/s), and bright pixels in none of them.

    A bright column has at least 20 pixels in a row of at least 5 e-/s.
    """
    with np.errstate(invalid="ignore"):
        return count_long_columns(dark >= limit_e_s, min_run)


def dark_defects(
    flat: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    fraction: float = DARK_RESPONSE,
    min_run: int = DARK_COLUMN,
) -> tuple[int, int]:
    """Count dark columns of a flat, and dark pixels in none of them.

    A dark column has at least 100 pixels in a row with less than 80 % of the
    amplifier's clipped mean. In an amplifier without light all are dark.
    """
    level = _sampled(flat, np.zeros(flat.shape, bool) if mask is None else mask, 3.0)
    mean = level.mean_clip
    with np.errstate(invalid="ignore"):
        dark = flat < fraction * mean if mean > 0 else np.ones(flat.shape, bool)
    return count_long_columns(dark, min_run)


def _sampled(image: np.ndarray, mask: np.ndarray, sigma: float) -> ClippedStatistics:
    """Measure level and scatter on every n-th row only: enough to clip by."""
    step = max(1, image.size // SAMPLE)
    sampled = clipped_statistics(image[::step], mask=mask[::step], sigma=sigma)
    if sampled.n:
        return sampled
    return clipped_statistics(image, mask=mask, sigma=sigma)


def row_means_variance(
    image: np.ndarray, mask: np.ndarray | None = None
) -> tuple[float, float]:
    """Compare the variance of the means of rows with what independent pixels give.

    Parameters
    ----------
    image
        One amplifier of a flattened frame, or of a difference of two.
    mask
        True where a pixel is left out.

    Returns
    -------
    variance, ratio
        Of the rows' means, in the square of the unit; and over the mean variance
        within rows divided by their pixels: 1 where rows differ by chance alone. NaN
        for fewer than two rows.
    """
    left_out = ~np.isfinite(image)
    if mask is not None:
        left_out |= mask
    stats = _sampled(image, left_out, 5.0)
    with np.errstate(invalid="ignore"):
        deviation = (image - stats.mean_clip).astype(np.float32)
        left_out |= np.abs(deviation) > 5.0 * stats.stdev_clip
    deviation[left_out] = 0.0
    counts = image.shape[1] - left_out.sum(axis=1)
    rows = counts > 1
    if rows.sum() < 2:
        return float("nan"), float("nan")
    counts = counts[rows]
    means = deviation.sum(axis=1, dtype=np.float64)[rows] / counts
    squares = np.einsum("ij,ij->i", deviation, deviation)[rows].astype(np.float64)
    within = (squares - counts * means**2) / (counts - 1)
    expected = float((within / counts).mean())
    variance = float(means.var(ddof=1))
    return variance, variance / expected if expected > 0 else float("nan")


def tearing(
    flat: np.ndarray,
    boxes: Mapping[str, Box],
    corners: Mapping[str, tuple[bool, bool]],
    *,
    rows: tuple[int, int] = TEARING_ROWS,
) -> dict[str, float]:
    """Measure tearing at the borders of amplifiers (``divisadero``).

    Parameters
    ----------
    flat
        Assembled flat, shape (ny, nx).
    boxes
        Amplifiers.
    corners
        Whether an amplifier is read at its upper end in x, and in y.
    rows
        First and last of the rows looked at, counted from the readout.

    Returns
    -------
    dict
        For each amplifier the greatest deviation from 1, within two columns of a
        border to a neighbour, of the profile along columns whose slope is divided out;
        0 where it has no neighbour in its half, NaN where nothing can be measured.
    """
    profiles = {
        name: _profile(flat[box.slices], corners[name][1], rows)
        for name, box in boxes.items()
    }
    found = dict.fromkeys(boxes, 0.0)
    for left, box in boxes.items():
        for right, other in boxes.items():
            if other.x0 != box.x1 or (other.y0, other.y1) != (box.y0, box.y1):
                continue
            near = np.concatenate(
                [profiles[left][-TEARING_NEAR:], profiles[right][:TEARING_NEAR]]
            )
            deviation = float(np.abs(near - 1.0).max())
            for name in (left, right):
                # The greater of both borders; a NaN stays one.
                found[name] = float(np.maximum(found[name], deviation))
    return found


def _profile(
    amplifier: np.ndarray, is_read_high: bool, rows: tuple[int, int]
) -> np.ndarray:
    """Clipped mean of each column near the readout, over a line through them."""
    pixels = amplifier[::-1] if is_read_high else amplifier
    first, last = rows
    if len(pixels) <= first:
        first = 0
    strip = pixels[first:last]
    means, _, _ = clip_columns(strip)
    x = np.arange(means.size)
    edge = min(TEARING_EDGE, means.size // 4)
    inner = slice(edge, means.size - edge)
    good = np.isfinite(means[inner])
    if good.sum() < 3:
        return np.full(means.size, np.nan)
    slope, level = np.polyfit(x[inner][good], means[inner][good], 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        profile: np.ndarray = means / (level + slope * x)
    return profile


def trend(dates_mjd: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Describe how a number changed with time.

    Parameters
    ----------
    dates_mjd, values
        Shape (n,); values that are not finite are left out.

    Returns
    -------
    dict
        ``N``, ``MEAN``, ``STDEV``, ``PEAK_TO_PEAK``, ``SLOPE`` per day and its
        ``SLOPE_ERROR`` from the scatter about the line; NaN where there are too few.
    """
    good = np.isfinite(dates_mjd) & np.isfinite(values)
    x, y = dates_mjd[good].astype(np.float64), values[good].astype(np.float64)
    nan = float("nan")
    result = {
        "N": float(y.size),
        "MEAN": float(y.mean()) if y.size else nan,
        "STDEV": float(y.std(ddof=1)) if y.size > 1 else nan,
        "PEAK_TO_PEAK": float(np.ptp(y)) if y.size else nan,
        "SLOPE": nan,
        "SLOPE_ERROR": nan,
    }
    spread = float(((x - x.mean()) ** 2).sum()) if x.size else 0.0
    if x.size > 2 and spread > 0:
        slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
        residual = y - y.mean() - slope * (x - x.mean())
        result["SLOPE"] = slope
        result["SLOPE_ERROR"] = float(
            np.sqrt((residual**2).sum() / (x.size - 2) / spread)
        )
    return result
