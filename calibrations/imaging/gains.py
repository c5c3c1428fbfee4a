"""Gain from one pair of flats. NumPy in and out."""

from enum import StrEnum

import numpy as np

from calibrations.imaging.errors import ImageError

__all__ = ["GainCorrection", "gain_from_pair", "solve_pair_gain"]


class GainCorrection(StrEnum):
    """What is taken off the ratio before it is inverted."""

    NONE = "NONE"
    FULL = "FULL"
    """Read noise and the finite number of electrons."""


def gain_from_pair(
    first: np.ndarray,
    second: np.ndarray,
    used: np.ndarray,
    *,
    noise_adu: float = float("nan"),
    correction: GainCorrection = GainCorrection.FULL,
) -> float:
    """Measure the gain of an amplifier from two flats of equal level.

    Parameters
    ----------
    first, second
        Flats in ADU above the overscan, shape (ny, nx).
    used
        Same shape, True where a pixel takes part.
    noise_adu
        Read noise; without it ``FULL`` falls back to ``NONE``, as upstream.
    correction
        See `GainCorrection`.

    Returns
    -------
    float
        Electrons per ADU; NaN where the pair has no signal or no scatter, or the
        noise exceeds what there is.

    Raises
    ------
    ImageError
        Raised for shapes that do not match.

    Notes
    -----
    ``1/g = c = <(I1 − I2)² / (I1 + I2)>`` (DM-35790; `cp_pipe`'s
    ``getGainFromFlatPair``). Other than upstream both flats are first brought to
    their common mean: a lamp that changed by 0.5 % between two flats of 20 000 ADU
    would add 0.25 to a ratio of 0.7.
    """
    if not (first.shape == second.shape == used.shape):
        raise ImageError(
            f"Flats and weights must have one shape: {first.shape}, {second.shape} "
            f"and {used.shape}."
        )
    one, two = first[used].astype(np.float64), second[used].astype(np.float64)
    if not one.size:
        return float("nan")
    mu1, mu2 = one.mean(), two.mean()
    mu = 0.5 * (mu1 + mu2)
    if not (mu1 > 0 and mu2 > 0):
        return float("nan")
    one *= mu / mu1
    two *= mu / mu2
    total = one + two
    lit = total > 0
    ratio = float(np.mean((one[lit] - two[lit]) ** 2 / total[lit]))
    if correction is GainCorrection.NONE or not np.isfinite(noise_adu):
        return 1.0 / ratio if ratio > 0 else float("nan")
    return solve_pair_gain(ratio, mu, noise_adu)


def solve_pair_gain(ratio: float, mean_adu: float, noise_adu: float) -> float:
    """Solve ``c = 1/g + (s² − 1/(2 g²))/mu`` for the gain.

    Parameters
    ----------
    ratio
        Mean of ``(I1 − I2)² / (I1 + I2)``, in ADU.
    mean_adu, noise_adu
        Level mu of the flats and read noise s.

    Returns
    -------
    float
        ``(mu + sqrt(mu² − 2 mu c + 2 s²)) / (2 c mu − 2 s²)``, electrons per ADU; NaN
        where there is no positive solution.
    """
    root = mean_adu**2 - 2.0 * mean_adu * ratio + 2.0 * noise_adu**2
    divisor = 2.0 * (ratio * mean_adu - noise_adu**2)
    if root < 0 or not divisor > 0:
        return float("nan")
    return float((mean_adu + np.sqrt(root)) / divisor)
