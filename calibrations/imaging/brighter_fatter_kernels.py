"""Brighter-fatter kernels from the covariances of flats. NumPy in and out.

Coulton et al. 2018 (AJ 155, 258), equations 22 to 29, in the form of `cp_pipe`'s
``cpBfk``: the correlations of flats, divided by the square of the signal, are the
Laplacian of the kernel.
"""

from collections.abc import Sequence

import numpy as np
from scipy import fft

from calibrations.imaging.brighter_fatter import BrighterFatterKernel
from calibrations.imaging.brighter_fatter_correlations import (
    KernelSettings,
    correlation_of,
)
from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc import PhotonTransferCurve
from calibrations.imaging.ptc_models import symmetrized

__all__ = [
    "check_kernel",
    "is_usable",
    "kernel_from_correlation",
    "solve_kernel",
    "solve_kernels",
    "solve_poisson",
]

FRAME = 3
"""Width of the kernel's rim whose scatter says what is close to zero."""

MINIMUM_SIDE = 7


def solve_kernels(
    curves: Sequence[PhotonTransferCurve], settings: KernelSettings | None = None
) -> list[BrighterFatterKernel]:
    """Measure the kernel of each amplifier of a detector.

    Parameters
    ----------
    curves
        With gains and covariances.
    settings
        Choices.

    Returns
    -------
    list
        In the order given. A kernel that could not be measured is zero, not valid and
        says why.

    Raises
    ------
    ImageError
        Raised if the curves have fewer lags than the kernel shall have, or if their
        fit does not give what the chosen average needs.
    """
    settings = settings or KernelSettings()
    for curve in curves:
        n_lags = curve.covariances_adu2.shape[-1]
        if n_lags < settings.n_lags:
            raise ImageError(
                f"The covariances of {curve.amplifier} have {n_lags} lags where a "
                f"kernel of {settings.n_lags} is wanted."
            )
    if settings.per_detector:
        return _solve_together(curves, settings)
    return [solve_kernel(curve, settings) for curve in curves]


def solve_kernel(
    curve: PhotonTransferCurve, settings: KernelSettings
) -> BrighterFatterKernel:
    """Measure the kernel of one amplifier; see `solve_kernels`."""
    if reason := _unusable(curve):
        return _no_kernel(curve, settings, reason)
    try:
        correlation = correlation_of([curve], settings)
    except ImageError as error:
        return _no_kernel(curve, settings, str(error))
    kernel = kernel_from_correlation(correlation, settings)
    reason = check_kernel(kernel, settings)
    return BrighterFatterKernel(
        curve.amplifier, kernel, curve.gain, valid=not reason, reason=reason
    )


def kernel_from_correlation(
    correlation: np.ndarray, settings: KernelSettings
) -> np.ndarray:
    """Tile a correlation matrix to all four quadrants and solve for its kernel.

    Parameters
    ----------
    correlation
        Shape (n_lags, n_lags), 1/electron, lag along x first.
    settings
        Whether the sum is made zero.

    Returns
    -------
    numpy.ndarray
        Shape (2 n_lags + 1, 2 n_lags + 1), rows first: the tiled matrix has one pixel
        less on each side and is padded by zeros.
    """
    source = np.pad(symmetrized(correlation).T, 1)
    if settings.force_zero_sum:
        centre = source.shape[0] // 2
        source[centre, centre] -= source.sum()
    return solve_poisson(source)


def _solve_together(
    curves: Sequence[PhotonTransferCurve], settings: KernelSettings
) -> list[BrighterFatterKernel]:
    """Give all good amplifiers the kernel of their mean correlations."""
    good = [curve for curve in curves if not _unusable(curve)]
    try:
        kernel = kernel_from_correlation(correlation_of(good, settings), settings)
    except ImageError as error:
        return [
            _no_kernel(curve, settings, _unusable(curve) or str(error))
            for curve in curves
        ]
    reason = check_kernel(kernel, settings)
    return [
        _no_kernel(curve, settings, why)
        if (why := _unusable(curve))
        else BrighterFatterKernel(
            curve.amplifier, kernel, curve.gain, valid=not reason, reason=reason
        )
        for curve in curves
    ]


def _unusable(curve: PhotonTransferCurve) -> str:
    """Say why a curve makes no kernel; empty if it does."""
    if curve.bad or not curve.gain > 0:
        return f"no gain: {curve.reason or 'not positive'}"
    return ""


def is_usable(curve: PhotonTransferCurve) -> bool:
    """Whether a curve has the gain that a kernel needs."""
    return not _unusable(curve)


def _no_kernel(
    curve: PhotonTransferCurve, settings: KernelSettings, reason: str
) -> BrighterFatterKernel:
    """Give a kernel that moves nothing and says why."""
    side = 2 * settings.n_lags + 1
    return BrighterFatterKernel(
        curve.amplifier, np.zeros((side, side)), curve.gain, valid=False, reason=reason
    )


def solve_poisson(source: np.ndarray) -> np.ndarray:
    """Find the kernel whose Laplacian is the source, zero outside.

    Parameters
    ----------
    source
        Shape (ny, nx).

    Returns
    -------
    numpy.ndarray
        Same shape: K with ``K[y−1, x] + K[y+1, x] + K[y, x−1] + K[y, x+1] − 4 K[y, x]
        = source``, K being zero beyond the borders. Exact: sines diagonalise the
        operator. Upstream relaxes towards the same solution (``successiveOverRelax``).
    """
    eigenvalues = [
        2.0 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1)) - 2.0 for n in source.shape
    ]
    modes = fft.dstn(source, type=1, norm="ortho")
    modes /= eigenvalues[0][:, np.newaxis] + eigenvalues[1]
    solution: np.ndarray = fft.dstn(modes, type=1, norm="ortho")
    return solution


def check_kernel(kernel: np.ndarray, settings: KernelSettings | None = None) -> str:
    """Say why a kernel is not valid; empty if it is.

    Notes
    -----
    As upstream means it: the rim is zero within ``edge_sigma`` standard deviations
    (about zero) of the 3 px frame; the centre is the minimum and negative; nothing
    exceeds ``max_fraction`` of the centre. Upstream passes the first tolerance as a
    relative one around zero, so that numpy's absolute 1e-8 decides.
    """
    settings = settings or KernelSettings()
    side = kernel.shape[0]
    if kernel.ndim != 2 or kernel.shape != (side, side) or side % 2 == 0:
        raise ImageError(f"A kernel is square and odd, not {kernel.shape}.")
    if side < MINIMUM_SIDE:
        return f"a kernel of {side} pixels is too small to be checked"
    if not np.isfinite(kernel).all():
        return "the kernel is not finite"
    inside = (slice(FRAME, -FRAME), slice(FRAME, -FRAME))
    frame, rim = np.ones(kernel.shape, bool), np.ones(kernel.shape, bool)
    frame[inside] = False
    rim[1:-1, 1:-1] = False
    centre = kernel[side // 2, side // 2]
    if not centre < 0 or centre > kernel.min():
        return "the centre is not the negative minimum"
    scatter = float(np.sqrt(np.mean(kernel[frame] ** 2)))
    if (np.abs(kernel[rim]) > settings.edge_sigma * scatter).any():
        return f"the rim is not zero within {settings.edge_sigma:g} sigma"
    if kernel.max() > settings.max_fraction * abs(centre):
        return f"the largest value is more than {settings.max_fraction:g} of the centre"
    return ""
