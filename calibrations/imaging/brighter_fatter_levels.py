"""Which brighter-fatter kernels a measurement is good for. NumPy in and out.

A kernel adds up all its lags: what chance does to each of them spreads over the whole
kernel, and the wider it is the more. A million pixels and a hundred pairs make a kernel
of 8 lags for each amplifier. Less makes one for all amplifiers of a detector, which are
of one silicon; and still less makes one of fewer lags.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibrations.imaging.brighter_fatter import BrighterFatterKernel
from calibrations.imaging.brighter_fatter_correlations import (
    KernelSettings,
    pairs_in_use,
)
from calibrations.imaging.brighter_fatter_kernels import (
    is_usable,
    kernel_from_correlation,
    solve_kernels,
)
from calibrations.imaging.ptc import PhotonTransferCurve

__all__ = ["chance_error", "choose_kernels"]

FAR = 3
"""Pixels from the centre at which a kernel has fallen to nothing."""

LEAST_LAGS = 3
STANDARD_ERRORS = 3.0
"""That the largest value which a valid kernel may have is above chance."""


def choose_kernels(
    curves: Sequence[PhotonTransferCurve], settings: KernelSettings | None = None
) -> tuple[list[BrighterFatterKernel], KernelSettings]:
    """Measure kernels of amplifiers, or of their detector where these are too noisy.

    Parameters
    ----------
    curves
        With gains and covariances.
    settings
        Choices; ``per_detector`` and ``n_kept`` are chosen here.

    Returns
    -------
    kernels, settings
        In the order given, and what was chosen. Chance alone reaches the largest value
        that a valid kernel may have at three standard errors; if no choice is good for
        that, the kernels are those of three lags.
    """
    settings = settings or KernelSettings()
    good = [curve for curve in curves if is_usable(curve)]
    shared = replace(settings, per_detector=True, n_kept=LEAST_LAGS)
    if not good:
        return solve_kernels(curves, shared), shared
    # Few lags and all amplifiers tell the centre's size in any case.
    kernels = solve_kernels(curves, shared)
    centre = max(abs(float(one.kernel.min())) for one in kernels)
    allowed = centre * settings.max_fraction / STANDARD_ERRORS
    own = replace(settings, per_detector=False, n_kept=0)
    if max(chance_error([curve], own) for curve in good) <= allowed:
        return solve_kernels(curves, own), own
    for n_kept in range(settings.n_lags, LEAST_LAGS, -1):
        chosen = replace(shared, n_kept=n_kept)
        if chance_error(good, chosen) <= allowed:
            return solve_kernels(curves, chosen), chosen
    return kernels, shared


def chance_error(
    curves: Sequence[PhotonTransferCurve], settings: KernelSettings
) -> float:
    """Give the standard error of a kernel where it has fallen to nothing.

    Parameters
    ----------
    curves
        Of the amplifiers whose mean correlations make the kernel.
    settings
        Lags, and whether the sum is made zero.

    Returns
    -------
    float
        Largest of all pixels three and more from the centre; infinite without a pair.
        Errors of lags follow from the number of pixels (`PairMeasurement`), for a mean
        weighted by signal squared; lags are independent of one another.
    """
    n, kept = settings.n_lags, settings.n_kept or settings.n_lags
    total, weighted = 0.0, np.zeros((n, n))
    for curve in curves:
        signals, chosen = pairs_in_use(curve, settings)
        errors = curve.gain**2 / curve.covariance_sqrt_weights[chosen, :n, :n]
        # Of a mean of q = C/F² weighted by F²: the root of ΣσC² over ΣF².
        weighted += np.nan_to_num(errors**2, posinf=0.0).sum(axis=0)
        total += float((signals**2).sum())
    if not total > 0:
        return float("inf")
    variance = np.zeros((2 * n + 1, 2 * n + 1))
    for lag in np.ndindex(kept, kept):
        unit = np.zeros((n, n))
        unit[lag] = 1.0
        response = kernel_from_correlation(unit, settings)
        variance += weighted[lag] / total**2 * response**2
    far = np.ones(variance.shape, bool)
    near = slice(n - FAR + 1, n + FAR)
    far[near, near] = False
    return float(np.sqrt(variance[far].max()))
