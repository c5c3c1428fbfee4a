"""Clipped statistics as Rubin's ``afw`` defines them. NumPy in, NumPy out.

The definition matters to the last digit, because verification compares these numbers
with limits:

- percentiles interpolate linearly at index ``f * (n - 1)``;
- exactly ``n_passes`` passes are made over the *full* sample, without a convergence
  exit: the first keeps ``|x - median| <= k * 0.741301109252802 * IQR``, later ones
  ``|x - mean| <= k * sqrt(variance)`` of what the pass before kept, both inclusive;
- variances are unbiased (divided by n − 1);
- values that are not finite, and masked ones, are dropped before anything else.

A sample of one has no variance and a pass may not remove everything: in both cases the
sample of the pass before is kept and the passes end, where ``afw`` would answer NaN.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibrations.imaging.clipping import IQR_TO_SIGMA, clip_block
from calibrations.imaging.errors import ImageError
from calibrations.imaging.samples import clipped_sums, good_float32, order_statistics

__all__ = [
    "IQR_TO_SIGMA",
    "ClippedStatistics",
    "clip_bias_factor",
    "clip_columns",
    "clipped_statistics",
    "good_values",
    "percentiles",
    "scatter",
]


@dataclass(frozen=True)
class ClippedStatistics:
    """Statistics of one sample, before and after clipping; NaN where undefined."""

    n: int
    """Values that are finite and not masked."""

    n_clipped: int
    """Values kept by the last pass."""

    mean: float
    stdev: float
    median: float
    mean_clip: float
    stdev_clip: float
    variance_clip: float


def clip_bias_factor(sigma: float) -> float:
    """By how much clipping a Gaussian at ± ``sigma`` lowers its variance, inverted.

    ``1 / (1 − 2 n φ(n) / (Φ(n) − Φ(−n)))``, as `cp_pipe`'s ``sigmaClipCorrection``.
    """
    if not sigma > 0:
        raise ImageError(f"Clipping at {sigma} sigma leaves nothing.")
    inside = math.erf(sigma / math.sqrt(2))
    density = math.exp(-0.5 * sigma**2) / math.sqrt(2 * math.pi)
    return 1.0 / (1.0 - 2.0 * sigma * density / inside)


def good_values(values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Flatten to the finite, unmasked values, in float64.

    Parameters
    ----------
    values
        Any shape.
    mask
        Same shape, True where a value is left out.
    """
    good = np.isfinite(values)
    if mask is not None:
        good &= ~mask
    return values[good].astype(np.float64)


def clipped_statistics(
    values: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    sigma: float = 3.0,
    n_passes: int = 3,
) -> ClippedStatistics:
    """Measure one sample.

    Parameters
    ----------
    values
        Any shape, any unit.
    mask
        Same shape, True where a value is left out.
    sigma
        Clip beyond this many standard deviations.
    n_passes
        Passes over the full sample.
    """
    sample = _good(values, mask)
    if not sample.size:
        nan = float("nan")
        return ClippedStatistics(0, 0, nan, nan, nan, nan, nan, nan)
    q25, median, q75 = _quantiles(sample, [0.25, 0.5, 0.75])
    mean, everything, n = _within(sample, median, math.inf)
    kept, passed = (mean, everything, n), None
    centre, limit = median, sigma * IQR_TO_SIGMA * (q75 - q25)
    for _ in range(n_passes):
        inside = _within(sample, centre, limit)
        if not inside[2]:
            break
        # Passes that would do the same again are left out, and one on a single value.
        # The first clips about the median: what it keeps says nothing of the second.
        is_last = inside[2] == 1 or inside == passed
        kept = passed = inside
        if is_last:
            break
        centre, limit = kept[0], sigma * math.sqrt(kept[1])
    return ClippedStatistics(
        n=n,
        n_clipped=kept[2],
        mean=mean,
        stdev=math.sqrt(everything),
        median=median,
        mean_clip=kept[0],
        stdev_clip=math.sqrt(kept[1]),
        variance_clip=kept[1],
    )


def scatter(values: np.ndarray, *, mask: np.ndarray | None = None) -> float:
    """Unbiased standard deviation of the finite, unmasked values, without clipping.

    Parameters
    ----------
    values
        Any shape.
    mask
        Same shape, True where a value is left out.

    Returns
    -------
    float
        NaN for fewer than two values.
    """
    sample = _good(values, mask)
    if sample.size < 2:
        return float("nan")
    return math.sqrt(_within(sample, float(sample[0]), math.inf)[1])


def percentiles(
    values: np.ndarray, levels: Sequence[float], *, mask: np.ndarray | None = None
) -> list[float]:
    """Percentiles of the finite, unmasked values; NaN for an empty sample.

    Parameters
    ----------
    values
        Any shape.
    levels
        Percent, 0 to 100.
    mask
        Same shape, True where a value is left out.
    """
    sample = _good(values, mask)
    if not sample.size:
        return [float("nan")] * len(levels)
    return _quantiles(sample, [level / 100.0 for level in levels])


def _good(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Flatten to the finite, unmasked values: float32 as it is, float64 otherwise."""
    if values.dtype == np.float32 and values.dtype.isnative:
        return good_float32(values, mask)
    return good_values(values, mask)


def _quantiles(sample: np.ndarray, fractions: Sequence[float]) -> list[float]:
    """Quantiles by linear interpolation, in float64."""
    if sample.dtype != np.float32:
        return [float(value) for value in np.quantile(sample, fractions)]
    index = np.asarray(fractions, dtype=np.float64) * (sample.size - 1)
    low = np.floor(index).astype(np.int64)
    high = np.minimum(low + 1, sample.size - 1)
    found = order_statistics(sample, np.concatenate([low, high])).astype(np.float64)
    lower, upper = found.reshape(2, -1)
    quantiles: list[float] = _interpolate(lower, upper, index - low).tolist()
    return quantiles


def _within(
    sample: np.ndarray, centre: float, limit: float
) -> tuple[float, float, int]:
    """Mean, unbiased variance and count of the values within a limit of a centre."""
    if sample.dtype == np.float32:
        return clipped_sums(sample, centre, limit)
    kept = sample[np.abs(sample - centre) <= limit]
    if not kept.size:
        return math.nan, math.nan, 0
    variance = float(kept.var(ddof=1)) if kept.size > 1 else math.nan
    return float(kept.mean()), variance, kept.size


def clip_columns(
    samples: np.ndarray, *, sigma: float = 3.0, n_passes: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clip many short samples at once, one a column.

    Compiled, and many times as fast, for float32; written out in NumPy for the rest.

    Parameters
    ----------
    samples
        Shape (n, m): m samples of up to n values; what is not finite is left out.
    sigma, n_passes
        As in `clipped_statistics`.

    Returns
    -------
    mean, variance, count
        Shape (m,): clipped mean (NaN for an empty sample), unbiased clipped variance
        (NaN for fewer than two values) and number of values kept.
    """
    if samples.dtype == np.float32:
        return _clip_compiled(samples, sigma, n_passes)
    # Sorting makes the answer independent of the order of the frames, bit by bit,
    # and leaves the NaN at the end, where quantiles do not see them.
    values = samples.astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    ordered = np.sort(values, axis=0)
    finite = np.isfinite(ordered)
    n_good = finite.sum(axis=0)
    q25, centre, q75 = (_quantile(ordered, n_good, f) for f in (0.25, 0.5, 0.75))
    limit = sigma * IQR_TO_SIGMA * (q75 - q25)
    kept = finite
    is_open = np.ones(kept.shape[1], dtype=bool)
    mean, variance, count = _moments(ordered, kept)
    for _ in range(n_passes):
        with np.errstate(invalid="ignore"):
            inside = np.abs(ordered - centre) <= limit
        # Where nothing would be left the passes end.
        is_open &= inside.any(axis=0)
        kept = np.where(is_open, inside, kept)
        mean, variance, count = _moments(ordered, kept)
        centre, limit = mean, sigma * np.sqrt(variance)
    return mean, variance, count


def _clip_compiled(
    samples: np.ndarray, sigma: float, n_passes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clip the columns of float32."""
    n, m = samples.shape
    mean, variance = np.empty(m), np.empty(m)
    count = np.empty(m, dtype=np.int64)
    clip_block(
        np.ascontiguousarray(samples),
        scales=np.ones(n, dtype=np.float32),
        sigma=sigma,
        n_passes=n_passes,
        of_mean=False,
        mean=mean,
        variance=variance,
        count=count,
    )
    return mean, variance, count


def _quantile(ordered: np.ndarray, n_good: np.ndarray, fraction: float) -> np.ndarray:
    """Linear interpolation at ``fraction * (n - 1)`` of each sorted column."""
    index = fraction * np.maximum(n_good - 1, 0)
    low = np.floor(index).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(n_good - 1, 0))
    lower = np.take_along_axis(ordered, low[np.newaxis], axis=0)[0]
    upper = np.take_along_axis(ordered, high[np.newaxis], axis=0)[0]
    return _interpolate(lower, upper, index - low)


def _interpolate(low: np.ndarray, high: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Interpolate as numpy's quantiles do, exact at both ends."""
    step = high - low
    between: np.ndarray = np.where(t < 0.5, low + step * t, high - step * (1 - t))
    return between


def _moments(
    ordered: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, unbiased variance and count of the kept values of each column."""
    count = kept.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(kept, ordered, 0.0).sum(axis=0) / np.where(count, count, np.nan)
        squares = np.where(kept, (ordered - mean) ** 2, 0.0).sum(axis=0)
        variance = squares / np.where(count > 1, count - 1, np.nan)
    return mean, variance, count
