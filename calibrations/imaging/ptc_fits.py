"""The photon transfer fit of many amplifiers at once: Astier+19 equation 16.

A camera has thousands of amplifiers and each fit three parameters: nearly all of the
time of a general fitting routine goes to its own bookkeeping. This one holds the
normal equations of one amplifier at a time and is compiled
(`calibrations.imaging.compiled`).
"""

from dataclasses import dataclass

import numpy as np

from calibrations.imaging.compiled import compiled
from calibrations.imaging.errors import ImageError

__all__ = ["BOUNDS", "PARAMETERS", "START", "ExpFits", "fit_exp_approximation"]

PARAMETERS = ("a00", "gain", "noise_e2")
START = (-2e-6, 1.5, 25.0)
BOUNDS = ((-1e-4, 0.0), (0.1, 10.0), (0.0, 2000.0))
"""As upstream: 1/electron, electrons per ADU, electrons²."""

MAX_ITERATIONS = 200
SCALE = (1e-6, 1.0, 1.0)
"""Size of one: below a millionth of it (of the value, if larger) a step is none."""

TOLERANCE = 1e-9
SINGULAR = 1e-14
"""A scaled curvature with a smaller determinant tells no errors."""


@dataclass(frozen=True, eq=False)
class ExpFits:
    """Fits of n amplifiers."""

    parameters: np.ndarray
    """Shape (n, 3): a00 (1/electron), gain (electrons per ADU), noise² (electrons²);
    NaN where there were too few points."""

    errors: np.ndarray
    """Same shape: from the curvature, times the root of the reduced chi²."""

    chi_squared: np.ndarray
    """Shape (n,): reduced; NaN without a degree of freedom."""

    n_points: np.ndarray
    """Shape (n,)."""

    converged: np.ndarray
    """Shape (n,), bool."""


def fit_exp_approximation(
    means_adu: np.ndarray, variances_adu2: np.ndarray, sqrt_weights: np.ndarray
) -> ExpFits:
    """Fit equation 16 of Astier+19 to each amplifier, within bounds.

    Parameters
    ----------
    means_adu, variances_adu2
        Shape (n_amplifiers, n_pairs).
    sqrt_weights
        Same shape, one over the error of each variance; points with zero, or that are
        not finite anywhere, take no part.

    Returns
    -------
    ExpFits
        An amplifier with fewer than three points has NaN and did not converge.

    Raises
    ------
    ImageError
        Raised for shapes that do not match.

    Notes
    -----
    Levenberg-Marquardt with the analytic derivatives; parameters that sit on a bound
    and would leave it are held for that step. Start and bounds are upstream's.
    Parameters equal those of `scipy.optimize.curve_fit` to 1e-4 of their errors
    (``benchmarks/ptc_fits.py``).
    """
    arrays = [np.asarray(x, np.float64) for x in (means_adu, variances_adu2)]
    weights = np.asarray(sqrt_weights, np.float64)
    if arrays[0].ndim != 2 or not (arrays[0].shape == arrays[1].shape == weights.shape):
        raise ImageError(
            "Means, variances and weights must have one shape (amplifiers, pairs): "
            f"{arrays[0].shape}, {arrays[1].shape}, {weights.shape}."
        )
    usable = np.isfinite(arrays[0]) & np.isfinite(arrays[1]) & np.isfinite(weights)
    means, variances = (np.where(usable, x, 0.0) for x in arrays)
    weights = np.where(usable, weights, 0.0)
    n = len(means)
    parameters, errors = np.full((n, 3), np.nan), np.full((n, 3), np.nan)
    chi_squared, converged = np.full(n, np.nan), np.zeros(n, dtype=bool)
    n_points = (weights > 0).sum(axis=1)
    _fit_all(
        means,
        variances,
        weights,
        np.array(START),
        np.array(BOUNDS),
        np.array(SCALE),
        parameters,
        errors,
        chi_squared,
        converged,
    )
    return ExpFits(parameters, errors, chi_squared, n_points, converged)


@compiled
def _growth(x: float) -> tuple[float, float]:
    """(exp(x) − 1)/x and its derivative, also where x is nearly zero."""
    if abs(x) < 1e-3:
        value = 1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x / 120.0)))
        slope = 0.5 + x * (1.0 / 3.0 + x * (0.125 + x * (1.0 / 30.0 + x / 144.0)))
        return value, slope
    value = np.expm1(x) / x
    return value, (value * x + 1.0 - value) / x


@compiled
def _normal_equations(
    means: np.ndarray,
    variances: np.ndarray,
    weights: np.ndarray,
    p: np.ndarray,
    curvature: np.ndarray,
    gradient: np.ndarray,
) -> float:
    """Fill JᵀJ and Jᵀr of one amplifier; return chi²."""
    a, g, n = p[0], p[1], p[2]
    chi2 = h00 = h01 = h02 = h11 = h12 = h22 = b0 = b1 = b2 = 0.0
    for k in range(means.size):
        w = weights[k]
        if w <= 0.0:
            continue
        mu = means[k]
        value, slope = _growth(2.0 * a * g * mu)
        r = w * (mu / g * value + n / (g * g) - variances[k])
        j0 = w * 2.0 * mu * mu * slope
        j1 = w * ((2.0 * a * mu * slope - value / g) * mu / g - 2.0 * n / (g * g * g))
        j2 = w / (g * g)
        chi2 += r * r
        h00 += j0 * j0
        h01 += j0 * j1
        h02 += j0 * j2
        h11 += j1 * j1
        h12 += j1 * j2
        h22 += j2 * j2
        b0 += j0 * r
        b1 += j1 * r
        b2 += j2 * r
    curvature[0, 0], curvature[1, 1], curvature[2, 2] = h00, h11, h22
    curvature[0, 1] = curvature[1, 0] = h01
    curvature[0, 2] = curvature[2, 0] = h02
    curvature[1, 2] = curvature[2, 1] = h12
    gradient[0], gradient[1], gradient[2] = b0, b1, b2
    return chi2


@compiled
def _fit_one(
    means: np.ndarray,
    variances: np.ndarray,
    weights: np.ndarray,
    p: np.ndarray,
    bounds: np.ndarray,
    scale: np.ndarray,
    curvature: np.ndarray,
) -> tuple[float, bool]:
    """Bring ``p`` to the minimum; return chi² and whether that was reached."""
    gradient, trial = np.empty(3), np.empty(3)
    next_curvature, next_gradient = np.empty((3, 3)), np.empty(3)
    damping = 1e-3
    chi2 = _normal_equations(means, variances, weights, p, curvature, gradient)
    for _ in range(MAX_ITERATIONS):
        step = _bounded_step(curvature, gradient, p, bounds, damping)
        largest = 0.0
        for i in range(3):
            trial[i] = min(max(p[i] + step[i], bounds[i, 0]), bounds[i, 1])
            size = max(abs(p[i]), scale[i])
            largest = max(largest, abs(trial[i] - p[i]) / size)
        if largest < TOLERANCE:
            return chi2, True
        next_chi2 = _normal_equations(
            means, variances, weights, trial, next_curvature, next_gradient
        )
        if next_chi2 <= chi2:
            chi2 = next_chi2
            p[:] = trial
            curvature[:] = next_curvature
            gradient[:] = next_gradient
            damping = max(damping * 0.1, 1e-15)
        else:
            damping *= 10.0
            if damping > 1e12:  # no step goes down any more: rounding is reached
                return chi2, True
    return chi2, False


@compiled
def _bounded_step(
    curvature: np.ndarray,
    gradient: np.ndarray,
    p: np.ndarray,
    bounds: np.ndarray,
    damping: float,
) -> np.ndarray:
    """Marquardt's step in the parameters that are free to move."""
    # Scaled to a unit diagonal: the parameters' sizes differ by 1e7.
    root, matrix, side = np.ones(3), np.eye(3), np.empty(3)
    inverse = np.empty((3, 3))
    free = np.ones(3, dtype=np.bool_)
    for i in range(3):
        if curvature[i, i] > 0:
            root[i] = np.sqrt(curvature[i, i])
        outward_low = p[i] <= bounds[i, 0] and gradient[i] > 0
        outward_high = p[i] >= bounds[i, 1] and gradient[i] < 0
        free[i] = curvature[i, i] > 0 and not (outward_low or outward_high)
    for i in range(3):
        if not free[i]:
            continue
        for j in range(3):
            if free[j]:
                matrix[i, j] = curvature[i, j] / (root[i] * root[j])
        matrix[i, i] = 1.0 + damping
    _invert(matrix, inverse)
    for i in range(3):
        side[i] = 0.0
        for j in range(3):
            if free[j]:
                side[i] -= inverse[i, j] * gradient[j] / root[j]
        side[i] = side[i] / root[i] if free[i] else 0.0
    return side


@compiled
def _invert(matrix: np.ndarray, inverse: np.ndarray) -> float:
    """Invert a symmetric matrix of 3 x 3; return its determinant."""
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 1], matrix[1, 2], matrix[2, 2]
    first, second, third = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * first + b * second + c * third
    inverse[0, 0] = first / determinant
    inverse[0, 1] = inverse[1, 0] = second / determinant
    inverse[0, 2] = inverse[2, 0] = third / determinant
    inverse[1, 1] = (a * f - c * c) / determinant
    inverse[1, 2] = inverse[2, 1] = (b * c - a * e) / determinant
    inverse[2, 2] = (a * d - b * b) / determinant
    return determinant


@compiled
def _fit_all(
    means: np.ndarray,
    variances: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray,
    bounds: np.ndarray,
    scale: np.ndarray,
    parameters: np.ndarray,
    errors: np.ndarray,
    chi_squared: np.ndarray,
    converged: np.ndarray,
) -> None:
    """Fit one amplifier after the other."""
    curvature, scaled, inverse = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    for amplifier in range(means.shape[0]):
        n_points = (weights[amplifier] > 0).sum()
        if n_points < 3:
            continue
        p = start.copy()
        chi2, done = _fit_one(
            means[amplifier],
            variances[amplifier],
            weights[amplifier],
            p,
            bounds,
            scale,
            curvature,
        )
        parameters[amplifier] = p
        converged[amplifier] = done
        reduced = np.nan
        if n_points > 3:
            reduced = chi2 / (n_points - 3)
            chi_squared[amplifier] = reduced
        for i in range(3):
            for j in range(3):
                size = np.sqrt(curvature[i, i] * curvature[j, j])
                scaled[i, j] = curvature[i, j] / size if size > 0 else 0.0
        if _invert(scaled, inverse) > SINGULAR:
            for i in range(3):
                errors[amplifier, i] = np.sqrt(
                    max(inverse[i, i], 0.0) * reduced / curvature[i, i]
                )
