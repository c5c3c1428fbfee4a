"""Pairs of flats: which belong together, and what one pair tells. NumPy in and out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from calibrations.imaging.covariances import measure_covariances
from calibrations.imaging.errors import ImageError
from calibrations.imaging.gains import GainCorrection, gain_from_pair
from calibrations.imaging.ptc_models import symmetrized
from calibrations.imaging.statistics import (
    ClippedStatistics,
    clip_bias_factor,
    clipped_statistics,
)

__all__ = [
    "FlatExposure",
    "PairBy",
    "PairMeasurement",
    "PairSettings",
    "measure_pair",
    "pair_flats",
]

SATURATED_FRACTION = 0.5
"""A flat with more of its pixels saturated than this tells nothing."""


class PairBy(StrEnum):
    """What the two flats of a pair have in common."""

    TIME = "TIME"
    FLUX = "FLUX"
    EXPID = "EXPID"
    """Nothing but that one was taken after the other."""


@dataclass(frozen=True, order=True)
class FlatExposure:
    """One flat, as far as pairing goes."""

    exposure: int
    exposure_time_s: float = float("nan")
    flux: float = float("nan")
    """What the header tells of the light (LSSTCam: ``CCOBFLUX``), any unit."""

    light: str = ""
    """Filter or lamp: only flats of the same one are paired."""


@dataclass(frozen=True)
class PairSettings:
    """Choices of the measurement of a pair; defaults as upstream."""

    clip_sigma: float = 5.5
    clip_passes: int = 3
    n_lags: int = 10
    min_good_pixels: int = 10000
    """An amplifier read through a small window needs half of its pixels instead."""

    edge_pixels: int = 20
    """Left out along every border; at most a twentieth of the amplifier."""

    gain_correction: GainCorrection = GainCorrection.FULL


@dataclass(frozen=True, eq=False)
class PairMeasurement:
    """What one pair of flats tells of one amplifier. NaN throughout if flagged."""

    mean_adu: float
    variance_adu2: float
    """Half the clipped variance of the difference, corrected for the clipping."""

    covariances: np.ndarray
    """Shape (n_lags, n_lags), ADU², lag along x first; halved and corrected."""

    sqrt_weights: np.ndarray
    """Same shape: one over the error of each covariance."""

    gain: float
    """From this pair alone."""

    row_mean_variance: float
    """Variance of the means of the rows of the difference, ADU²; not halved."""

    n_pixels: int
    n_columns: float = float("nan")
    """Pixels in use of a row (harmonic mean)."""

    flag: str = ""
    """Why nothing was measured; empty if all is well."""

    @classmethod
    def flagged(cls, reason: str, n_lags: int, n_pixels: int = 0) -> "PairMeasurement":
        """Give a measurement that says why it is none."""
        nan, none = float("nan"), np.full((n_lags, n_lags), np.nan)
        return cls(nan, nan, none, none.copy(), nan, nan, n_pixels, flag=reason)


def pair_flats(
    exposures: Iterable[FlatExposure],
    by: PairBy = PairBy.TIME,
    *,
    tolerance: float = 5e-3,
) -> tuple[list[tuple[int, int]], list[int]]:
    """Find which flats form pairs.

    Parameters
    ----------
    exposures
        In any order.
    by
        ``TIME``: equal exposure time; ``FLUX``: equal flux; ``EXPID``: neighbours.
    tolerance
        In seconds for times, in the unit of the flux for fluxes: values this close
        to the next smaller one are equal.

    Returns
    -------
    pairs, left over
        Exposure ids, the earlier first, in the order of the earlier one's id; and
        ids of flats without a partner, never silently dropped.

    Raises
    ------
    ImageError
        Raised where a flat has no exposure time or flux to be paired by, or two have
        one id.
    """
    flats = sorted(exposures)
    if len({flat.exposure for flat in flats}) < len(flats):
        raise ImageError("An exposure is given twice among the flats to pair.")
    pairs: list[tuple[int, int]] = []
    alone: list[int] = []
    for light in sorted({flat.light for flat in flats}):
        alike = [flat for flat in flats if flat.light == light]
        for group in _groups(alike, by, tolerance):
            ids = sorted(flat.exposure for flat in group)
            pairs += list(zip(ids[::2], ids[1::2], strict=False))
            alone += ids[len(ids) - len(ids) % 2 :]
    return sorted(pairs), sorted(alone)


def _groups(
    flats: Sequence[FlatExposure], by: PairBy, tolerance: float
) -> list[list[FlatExposure]]:
    """Put flats together that may be paired with one another."""
    if by is PairBy.EXPID:
        return [list(flats)]
    values = [f.exposure_time_s if by is PairBy.TIME else f.flux for f in flats]
    if unknown := [
        f.exposure for f, v in zip(flats, values, strict=True) if not np.isfinite(v)
    ]:
        raise ImageError(
            f"Flats {', '.join(map(str, unknown))} have no "
            f"{'exposure time' if by is PairBy.TIME else 'flux'} to be paired by."
        )
    groups: list[list[FlatExposure]] = []
    last = float("-inf")
    for value, flat in sorted(zip(values, flats, strict=True), key=lambda one: one[0]):
        if not groups or value - last > tolerance:
            groups.append([])
        groups[-1].append(flat)
        last = value
    return groups


def measure_pair(
    first: np.ndarray,
    second: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    saturated: np.ndarray | None = None,
    noise_adu: float = float("nan"),
    settings: PairSettings | None = None,
) -> PairMeasurement:
    """Measure mean, variance, covariances and gain of one pair of flats.

    Parameters
    ----------
    first, second
        One amplifier of two flats of equal exposure, shape (ny, nx), in ADU above
        the overscan. Values that are not finite take no part.
    mask
        Same shape, True where either flat is not to be used: bad pixels, no data.
    saturated
        Same shape, True where either flat is saturated or suspect.
    noise_adu
        Read noise (overscan residual), for the gain of the pair.
    settings
        Choices.

    Returns
    -------
    PairMeasurement
        Flagged, with NaN for every number, where more than half of the pixels are
        saturated, too few pixels are left, the amplifier has no signal, or the two
        flats are equal or do not scatter.

    Raises
    ------
    ImageError
        Raised for shapes that do not match.

    Notes
    -----
    ``mu = (mu1 + mu2)/2``; ``d = (I2 mu1 − I1 mu2)/mu``; variance and covariances are
    half those of ``d``, times f (variance) or f² (covariances) for the clipping
    (`cp_pipe`'s ``measureMeanVarCov``). Taking the mean of ``d`` off lowers each
    covariance by the sum of all over the number of pixels, which is put back; upstream
    leaves it out. It is nothing for one lag, but a kernel adds up hundreds: 20 % of
    its centre for amplifiers of 10 000 pixels, 0.2 % for a million.
    """
    settings = settings or PairSettings()
    used = _used_pixels(first, second, mask, saturated, settings)
    n_lags, n_used = settings.n_lags, int(used.sum())
    if saturated is not None and saturated.mean() > SATURATED_FRACTION:
        return PairMeasurement.flagged("saturated", n_lags, n_used)
    required = min(settings.min_good_pixels, first.size // 2)
    if n_used < required:
        return PairMeasurement.flagged(
            f"{n_used} good pixels where {required} are needed", n_lags, n_used
        )
    mu1, mu2 = (_clipped(flat[used], settings).mean_clip for flat in (first, second))
    mu = 0.5 * (mu1 + mu2)
    if not (mu1 > 0 and mu2 > 0):
        return PairMeasurement.flagged("no signal", n_lags, n_used)
    difference = (second * np.float64(mu1) - first * np.float64(mu2)) / mu
    stats = _clipped(difference[used], settings)
    if not stats.stdev_clip > 0:
        return PairMeasurement.flagged("zero variance", n_lags, n_used)
    with np.errstate(invalid="ignore"):
        departure = np.abs(difference - stats.mean_clip)
        used &= departure <= settings.clip_sigma * stats.stdev_clip
    factor = clip_bias_factor(settings.clip_sigma)
    variance = 0.5 * stats.variance_clip * factor
    covariances, sqrt_weights = _covariances(difference, used, variance, settings)
    row_mean_variance, n_columns = _row_means(difference, used, settings)
    return PairMeasurement(
        mean_adu=float(mu),
        variance_adu2=variance,
        covariances=covariances,
        sqrt_weights=sqrt_weights,
        gain=gain_from_pair(
            first,
            second,
            used,
            noise_adu=noise_adu,
            correction=settings.gain_correction,
        ),
        row_mean_variance=row_mean_variance,
        n_pixels=int(used.sum()),
        n_columns=n_columns,
    )


def _used_pixels(
    first: np.ndarray,
    second: np.ndarray,
    mask: np.ndarray | None,
    saturated: np.ndarray | None,
    settings: PairSettings,
) -> np.ndarray:
    """Tell which pixels of both flats can be used."""
    masks = [one for one in (mask, saturated) if one is not None]
    shapes = {array.shape for array in (first, second, *masks)}
    if first.ndim != 2 or len(shapes) > 1:
        raise ImageError(
            "The two flats of a pair and their masks must have one shape, but there "
            f"are {', '.join(map(str, sorted(shapes)))}."
        )
    used = np.isfinite(first) & np.isfinite(second)
    for one in masks:
        used &= ~one
    rows, columns = (min(settings.edge_pixels, n // 20) for n in first.shape)
    inside = np.zeros_like(used)
    ny, nx = first.shape
    inside[rows : ny - rows, columns : nx - columns] = True
    return used & inside


def _clipped(sample: np.ndarray, settings: PairSettings) -> ClippedStatistics:
    """Clipped statistics with the settings' choices."""
    return clipped_statistics(
        sample, sigma=settings.clip_sigma, n_passes=settings.clip_passes
    )


def _covariances(
    difference: np.ndarray,
    used: np.ndarray,
    variance: float,
    settings: PairSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Halve and correct the covariances, and give one over their errors."""
    measured = measure_covariances(difference, used, settings.n_lags)
    factor = clip_bias_factor(settings.clip_sigma)
    values = 0.5 * measured.values * factor**2
    values[0, 0] /= factor
    # The mean that is taken off moves with the pixels: of every covariance it takes
    # the variance of the sum over the number of pixels, little but the same sign.
    own = values[0, 0]
    values += np.nansum(symmetrized(values)) / used.sum()
    values[0, 0] = own
    with np.errstate(divide="ignore"):
        errors = variance / np.sqrt(measured.counts)
    # A variance has twice the relative variance of a covariance.
    errors[0, 0] *= np.sqrt(2.0)
    return values, 1.0 / errors


def _row_means(
    difference: np.ndarray, used: np.ndarray, settings: PairSettings
) -> tuple[float, float]:
    """Variance of the rows' means, and how many pixels a row has.

    White noise has twice the variance of a pixel over the number of columns.
    """
    counts = used.sum(axis=1)
    rows = counts > 0
    sums = np.where(used, difference, 0.0).sum(axis=1)
    means = sums[rows] / counts[rows]
    columns = 1.0 / float(np.mean(1.0 / counts[rows]))
    return _clipped(means, settings).variance_clip, columns
