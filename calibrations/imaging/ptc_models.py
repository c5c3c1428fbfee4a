"""What variance and covariances of flats do with signal. NumPy in and out.

Astier et al. 2019 (A&A 629, A36). Signals and variances are in ADU and ADU², a in
1/electron, noise in electrons², gains in electrons per ADU.
"""

import numpy as np
from scipy.signal import convolve2d

from calibrations.imaging.errors import ImageError

__all__ = [
    "covariance_coefficients",
    "exp_approximation",
    "full_covariance",
    "symmetrized",
]


def exp_approximation(
    mean_adu: np.ndarray, a00: float, gain: float, noise_e2: float
) -> np.ndarray:
    """Variance by Astier+19 equation 16, ADU².

    ``C00 = (exp(2 a00 mu g) − 1) / (2 a00 g²) + n / g²``; its limit ``mu/g + n/g²``
    where a00 is zero.

    Parameters
    ----------
    mean_adu
        Any shape.
    """
    mu = np.asarray(mean_adu, dtype=np.float64)
    x = 2.0 * a00 * gain * mu
    with np.errstate(invalid="ignore", divide="ignore"):
        growth = np.where(np.abs(x) > 1e-8, np.expm1(x) / x, 1.0 + 0.5 * x)
    result: np.ndarray = mu / gain * growth + noise_e2 / gain**2
    return result


def full_covariance(
    mean_adu: np.ndarray,
    a: np.ndarray,
    c: np.ndarray,
    noise_e2: np.ndarray,
    gain: float,
) -> np.ndarray:
    """Covariances by Astier+19 equation 20, ADU².

    With ``M = mu g``, ``c = a b`` element by element and ``*`` the convolution of the
    matrices continued to negative lags: ``C_ij = (M/g²) [a M + (2/3) M² (a*a + c) +
    M³ ((1/3) a*a*a + (5/6) a*c)] + n_ij/g²``, and ``mu/g`` more at lag (0, 0).

    Parameters
    ----------
    mean_adu
        Shape (n,).
    a, c, noise_e2
        Shape (n_lags, n_lags); in 1/electron, 1/electron² and electron².

    Returns
    -------
    numpy.ndarray
        Shape (n, n_lags, n_lags).
    """
    second, third = covariance_coefficients(a, c)
    M = (np.asarray(mean_adu, np.float64) * gain)[:, np.newaxis, np.newaxis]
    model = (noise_e2 + M**2 * (a + M * (second + M * third))) / gain**2
    model[:, 0, 0] += M[:, 0, 0] / gain**2
    return model


def covariance_coefficients(
    a: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of M³ and M⁴ in `full_covariance`.

    Returns
    -------
    second, third
        ``(2/3) (a*a + c)`` and ``(1/3) a*a*a + (5/6) a*c``. Convolutions are cut to
        the lags at hand at each step: what lies beyond is not known.
    """
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.shape != c.shape:
        raise ImageError(
            f"The matrices of the covariance model must be square and alike: "
            f"{a.shape} and {c.shape}."
        )
    whole = symmetrized(a)
    corner = slice(a.shape[0] - 1, None)
    twice = convolve2d(whole, whole, mode="same")
    thrice = convolve2d(twice, whole, mode="same")[corner, corner]
    with_c = convolve2d(symmetrized(c), whole, mode="same")[corner, corner]
    return (
        2.0 / 3.0 * (twice[corner, corner] + c),
        thrice / 3.0 + 5.0 / 6.0 * with_c,
    )


def symmetrized(matrix: np.ndarray) -> np.ndarray:
    """Continue a matrix of lags ≥ 0 to negative lags: shape (2n − 1, 2n − 1)."""
    right = np.concatenate([matrix[:, :0:-1], matrix], axis=1)
    return np.concatenate([right[:0:-1], right])
