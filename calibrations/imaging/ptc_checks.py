"""What verification looks at in a photon transfer curve. NumPy in and out."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from calibrations.imaging.ptc import PhotonTransferCurve

__all__ = [
    "Line",
    "covariance_lines",
    "fit_line",
    "noise_chi_squared",
    "row_mean_variance_slope",
]

LAGS = ("10", "01", "11", "20", "02")
"""Of the covariances that are looked at: along x, then along y."""


class Line(NamedTuple):
    """A straight line."""

    slope: float
    offset: float
    success: bool


def fit_line(x: np.ndarray, y: np.ndarray) -> Line:
    """Fit a line by Cauchy's loss, which outliers hardly move.

    Parameters
    ----------
    x, y
        Shape (n,); what is not finite takes no part.

    Returns
    -------
    Line
        Without success, and NaN, for fewer than three points or equal x.
    """
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    failed = Line(float("nan"), float("nan"), False)
    if x.size < 3 or not np.ptp(x) > 0:
        return failed
    size_x = float(np.abs(x).max())
    first = np.polyfit(x / size_x, y, 1)
    scatter = 1.4826 * float(np.median(np.abs(y - np.polyval(first, x / size_x))))
    if not scatter > 0:
        return Line(float(first[0] / size_x), float(first[1]), True)
    solution = least_squares(
        lambda p: (np.polyval(p * scatter, x / size_x) - y) / scatter,
        first / scatter,
        loss="cauchy",
    )
    slope, offset = solution.x * scatter
    return Line(float(slope / size_x), float(offset), bool(solution.success))


def covariance_lines(curve: PhotonTransferCurve) -> dict[str, Line]:
    """Fit each neighbouring covariance (ADU²) against the mean (ADU).

    Returns
    -------
    dict
        By lag along x and y: ``10``, ``01``, ``11``, ``20``, ``02``; lags that were
        not measured are left out. Pairs that the curve left out take no part.
    """
    lines = {}
    n_lags = curve.covariances_adu2.shape[-1]
    for lag in LAGS:
        i, j = int(lag[0]), int(lag[1])
        if max(i, j) < n_lags:
            values = curve.covariances_adu2[curve.used, i, j]
            lines[lag] = fit_line(curve.raw_means_adu[curve.used], values)
    return lines


def noise_chi_squared(curve: PhotonTransferCurve) -> tuple[float, int]:
    """Tell whether the read noise depends on the signal.

    Returns
    -------
    chi squared, n
        Reduced chi² of the noise of the pairs in use about its weighted mean, with
        the errors that overscans of that size have; and the number of pairs. NaN for
        fewer than two.

    Notes
    -----
    Upstream divides squares by the standard deviation of the list itself: that is its
    standard deviation, in ADU, and no chi².
    """
    noises, errors = curve.noises_adu, curve.noise_errors_adu
    good = curve.used & np.isfinite(noises) & (errors > 0)
    n = int(good.sum())
    if n < 2:
        return float("nan"), n
    x, weights = noises[good], 1.0 / errors[good] ** 2
    mean = (x * weights).sum() / weights.sum()
    return float(((x - mean) ** 2 * weights).sum() / (n - 1)), n


def row_mean_variance_slope(curve: PhotonTransferCurve) -> float:
    """Variance of the rows' means over what photons alone give them; 1 is ideal.

    ``Σ v g² / Σ (2 mu g / n)`` over the pairs in use, n being the pixels of a row.
    """
    good = curve.used & np.isfinite(curve.row_mean_variances_adu2)
    expected = 2.0 * curve.raw_means_adu * curve.gain / curve.n_columns
    total = float(expected[good].sum()) if good.any() else 0.0
    if not total > 0:
        return float("nan")
    return float(curve.row_mean_variances_adu2[good].sum()) * curve.gain**2 / total
