"""What a brighter-fatter kernel does to flats. NumPy in and out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibrations.imaging.ptc_pairs import PairMeasurement

__all__ = ["KernelEffect", "compare_pairs"]


@dataclass(frozen=True)
class KernelEffect:
    """Flats before and after correction; NaN where no pair could be measured."""

    neighbour_before: float
    """Mean of C10 and C01 over the mean squared, in 1/electron."""

    neighbour_after: float
    neighbour_error: float
    variance_ratio_before: float
    """Variance over that of photons and readout: 1 without brighter-fatter."""

    variance_ratio_after: float
    variance_ratio_error: float
    n_pairs: int


def compare_pairs(
    before: Sequence[PairMeasurement],
    after: Sequence[PairMeasurement],
    *,
    gain: float,
    noise_e: float,
) -> KernelEffect:
    """Compare measurements of the same pairs of one amplifier.

    Parameters
    ----------
    before, after
        Without and with correction, in ADU, in one order.
    gain, noise_e
        Electrons per ADU, and read noise.

    Returns
    -------
    KernelEffect
        Averages over the pairs measured in both, weighted by their errors.
    """
    both = [
        (one, other)
        for one, other in zip(before, after, strict=True)
        if not one.flag and not other.flag
    ]
    if not both:
        nan = float("nan")
        return KernelEffect(nan, nan, nan, nan, nan, nan, 0)
    neighbours = [_neighbour(one) for one, _ in both]
    corrected = [_neighbour(other)[0] for _, other in both]
    ratios = [_ratio(one, gain, noise_e) for one, _ in both]
    ratios_after = [_ratio(other, gain, noise_e)[0] for _, other in both]
    errors = np.array([error for _, error in neighbours])
    ratio_errors = np.array([error for _, error in ratios])
    return KernelEffect(
        neighbour_before=_mean([value for value, _ in neighbours], errors),
        neighbour_after=_mean(corrected, errors),
        neighbour_error=float(1.0 / np.sqrt((errors**-2.0).sum())),
        variance_ratio_before=_mean([value for value, _ in ratios], ratio_errors),
        variance_ratio_after=_mean(ratios_after, ratio_errors),
        variance_ratio_error=float(1.0 / np.sqrt((ratio_errors**-2.0).sum())),
        n_pairs=len(both),
    )


def _neighbour(pair: PairMeasurement) -> tuple[float, float]:
    """Mean covariance of neighbours over the mean squared, and its error."""
    # (g² C) / (g mu)², the brighter-fatter coefficient of neighbours.
    square = pair.mean_adu**2
    value = 0.5 * (pair.covariances[1, 0] + pair.covariances[0, 1]) / square
    error = np.hypot(1.0 / pair.sqrt_weights[1, 0], 1.0 / pair.sqrt_weights[0, 1])
    return float(value), float(0.5 * error / square)


def _ratio(pair: PairMeasurement, gain: float, noise_e: float) -> tuple[float, float]:
    """Variance over the expected one, and its error."""
    expected = pair.mean_adu / gain + (noise_e / gain) ** 2
    error = 1.0 / (pair.sqrt_weights[0, 0] * expected)
    return float(pair.variance_adu2 / expected), float(error)


def _mean(values: Sequence[float], errors: np.ndarray) -> float:
    """Mean weighted by the errors."""
    weights = errors**-2.0
    return float((np.array(values) * weights).sum() / weights.sum())
