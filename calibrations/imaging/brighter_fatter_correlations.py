"""What the covariances of flats say of a brighter-fatter kernel. NumPy in and out.

From the covariances of each pair to one matrix of correlations, which is the Laplacian
of the kernel (`calibrations.imaging.brighter_fatter_kernels`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc import PhotonTransferCurve
from calibrations.imaging.ptc_models import covariance_coefficients, symmetrized
from calibrations.imaging.statistics import clip_columns

__all__ = [
    "Average",
    "KernelSettings",
    "correlation_of",
    "leading_order",
    "mean_correlation",
    "pairs_in_use",
    "scaled_correlations",
]

MAX_ROUNDS = 50
CONVERGED = 1e-6
"""Change of the leading order from round to round, relative to its largest value."""


class Average(StrEnum):
    """How one correlation matrix is made of those of all pairs."""

    WEIGHTED = "WEIGHTED"
    """Weighted by signal squared, as the errors are; after clipping."""

    CLIPPED_MEAN = "CLIPPED_MEAN"
    """Upstream's."""

    QUADRATIC = "QUADRATIC"
    """Slope of the covariances on signal squared."""

    A_MATRIX = "A_MATRIX"
    """The full fit's own coefficients."""

    MODEL = "MODEL"
    """The full fit's covariances at one signal."""


@dataclass(frozen=True)
class KernelSettings:
    """Choices; defaults as upstream but where said."""

    average: Average = Average.WEIGHTED
    """Upstream: ``CLIPPED_MEAN``, which the faintest pairs, the noisiest, dominate."""

    per_detector: bool = False
    """One kernel for all amplifiers, of their mean correlations: for few pairs, or
    small readout windows."""

    n_lags: int = 10
    n_kept: int = 0
    """Lags further out than so many are taken for zero, as noise; 0: all are kept."""

    clip_sigma: float = 5.0
    clip_passes: int = 3
    max_imbalance: float = 2.0
    """Pairs whose ``|Σq| / Σ|q|`` is larger are dropped. The ratio is at most 1: with
    upstream's default this never happens."""

    min_signal_e: float = 0.0
    sample_signal_e: float = 25000.0
    """Where ``MODEL`` takes its covariances."""

    force_zero_sum: bool = True
    edge_sigma: float = 5.0
    max_fraction: float = 0.025
    """No value of a valid kernel exceeds this fraction of its central one."""


def correlation_of(
    curves: Sequence[PhotonTransferCurve], settings: KernelSettings
) -> np.ndarray:
    """Give the correlation matrix, lag along x first, as far as it is kept."""
    correlation = _correlated(curves, settings).copy()
    if settings.n_kept:
        correlation[settings.n_kept :] = correlation[:, settings.n_kept :] = 0.0
    return correlation


def scaled_correlations(
    curve: PhotonTransferCurve, settings: KernelSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Give what each pair says about the kernel's Laplacian.

    Returns
    -------
    correlations, signals
        Shape (n, n_lags, n_lags), 1/electron, and (n,), electrons: for each pair in
        use ``q = (F δ − g² C + n) / F²``, F the signal and n the constant part of the
        variance (read noise), in electrons. Pairs with ``q00 < 0``, whose variance
        exceeds the signal, are dropped, as are unbalanced ones.

    Notes
    -----
    Upstream leaves the read noise in: at 5000 electrons, 50 electrons² are as much as
    the whole effect.
    """
    n = settings.n_lags
    signals, chosen = pairs_in_use(curve, settings)
    covariances = curve.covariances_adu2[chosen][:, :n, :n] * curve.gain**2
    q = -covariances
    q[:, 0, 0] += signals + _constant(curve)
    tiled = np.array([symmetrized(one) for one in q]).reshape(len(q), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        imbalance = np.abs(tiled.sum(axis=1)) / np.abs(tiled).sum(axis=1)
    good = (q[:, 0, 0] >= 0) & (imbalance <= settings.max_imbalance)
    return q[good] / signals[good, np.newaxis, np.newaxis] ** 2, signals[good]


def pairs_in_use(
    curve: PhotonTransferCurve, settings: KernelSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Give the signals (electrons) of a curve's pairs in use, and which they are."""
    signals = curve.raw_means_adu * curve.gain
    chosen = curve.used & (signals > max(settings.min_signal_e, 0.0))
    return signals[chosen], chosen


def mean_correlation(
    correlations: np.ndarray, signals: np.ndarray, settings: KernelSettings
) -> np.ndarray:
    """Average correlations over the pairs, lag by lag.

    Parameters
    ----------
    correlations, signals
        As `scaled_correlations` gives them.

    Raises
    ------
    ImageError
        Raised if no pair is left.
    """
    if not len(signals):
        raise ImageError("no pair's variance stays below its signal")
    if settings.average is Average.QUADRATIC:
        if len(signals) < 3:
            raise ImageError(f"{len(signals)} pairs do not tell a slope")
        squares = signals**2
        values = (correlations * squares[:, np.newaxis, np.newaxis]).reshape(
            len(signals), -1
        )
        slopes: np.ndarray = np.polyfit(squares, values, 1, w=1.0 / signals)[0]
        return slopes.reshape(correlations.shape[1:])
    flat = correlations.reshape(len(signals), -1)
    if settings.average is Average.CLIPPED_MEAN:
        mean = clip_columns(
            flat, sigma=settings.clip_sigma, n_passes=settings.clip_passes
        )[0]
        return mean.reshape(correlations.shape[1:])
    return _weighted_mean(flat, signals, settings).reshape(correlations.shape[1:])


def leading_order(
    correlations: np.ndarray, signals: np.ndarray, settings: KernelSettings
) -> np.ndarray:
    """Average over the pairs what correlations would be for vanishing signals.

    Parameters
    ----------
    correlations, signals
        As `scaled_correlations` gives them.

    Returns
    -------
    numpy.ndarray
        Shape (n_lags, n_lags), 1/electron.

    Raises
    ------
    ImageError
        Raised if no pair is left, or the effect is no small one.

    Notes
    -----
    Astier+19 equation 20 without b: pairs of signal F have ``q(F) = q + … F + … F²``,
    whose further terms follow from q itself. They are no part of a kernel, which acts
    on the charge there is: at 80 000 electrons they take a third off the neighbours.
    """
    F = signals[:, np.newaxis, np.newaxis]
    none = np.zeros(correlations.shape[1:])
    a = -mean_correlation(correlations, signals, settings)
    for _ in range(MAX_ROUNDS):
        second, third = covariance_coefficients(a, none)
        grown = F * (second + F * third)
        now = -mean_correlation(correlations + grown, signals, settings)
        change, a = now - a, now
        if np.abs(change).max() <= CONVERGED * np.abs(a).max():
            return -a
    raise ImageError("the effect is too large to be told from its own square")


def _correlated(
    curves: Sequence[PhotonTransferCurve], settings: KernelSettings
) -> np.ndarray:
    """Give the correlation matrix by the chosen way."""
    n = settings.n_lags
    if not curves:
        raise ImageError("no amplifier has a gain")
    if settings.average is Average.A_MATRIX:
        for curve in curves:
            if not np.isfinite(curve.a_matrix).all():
                raise ImageError(
                    f"a {curve.fit_type} fit gives no a matrix; use FULLCOVARIANCE"
                )
        return -np.mean([curve.a_matrix[:n, :n] for curve in curves], axis=0)
    if settings.average is Average.MODEL:
        return np.mean([_sampled(curve, settings) for curve in curves], axis=0)
    parts = [scaled_correlations(curve, settings) for curve in curves]
    correlations = np.concatenate([correlations for correlations, _ in parts])
    signals = np.concatenate([signals for _, signals in parts])
    if settings.average is Average.WEIGHTED:
        return leading_order(correlations, signals, settings)
    return mean_correlation(correlations, signals, settings)


def _sampled(curve: PhotonTransferCurve, settings: KernelSettings) -> np.ndarray:
    """Correlations of the fitted model at the pair nearest to one signal."""
    n = settings.n_lags
    signals = np.where(curve.used, curve.raw_means_adu * curve.gain, np.nan)
    if not np.isfinite(curve.covariance_models_adu2[curve.used]).all():
        raise ImageError(
            f"a {curve.fit_type} fit has no covariance model; use FULLCOVARIANCE"
        )
    nearest = int(np.nanargmin(np.abs(signals - settings.sample_signal_e)))
    model = curve.covariance_models_adu2[nearest][:n, :n] * curve.gain**2
    q = curve.noise_matrix_e2[:n, :n] - model
    q[0, 0] += signals[nearest]
    return q / signals[nearest] ** 2


def _constant(curve: PhotonTransferCurve) -> float:
    """Part of the variance that does not depend on the signal, electrons²."""
    return curve.noise_e**2 if np.isfinite(curve.noise_e) else 0.0


def _weighted_mean(
    flat: np.ndarray, signals: np.ndarray, settings: KernelSettings
) -> np.ndarray:
    """Mean weighted by signal squared, outliers beyond the clip left out."""
    # The error of C is about F, hence that of q about 1/F: residuals times F are alike.
    weights = (signals**2)[:, np.newaxis] * np.ones_like(flat)
    kept = np.ones(flat.shape, dtype=bool)
    for _ in range(settings.clip_passes):
        total = np.where(kept, weights, 0.0).sum(axis=0)
        mean = np.where(kept, flat * weights, 0.0).sum(axis=0) / total
        residuals = (flat - mean) * signals[:, np.newaxis]
        scale = 1.4826 * np.median(np.abs(residuals), axis=0)
        inside = np.abs(residuals) <= settings.clip_sigma * scale
        kept = np.where(inside.any(axis=0), inside, kept)
    total = np.where(kept, weights, 0.0).sum(axis=0)
    return np.where(kept, flat * weights, 0.0).sum(axis=0) / total
