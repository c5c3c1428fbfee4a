"""How straight a response is: turnoff, residuals, robust polynomials. NumPy in and out.

Definitions are those of Rubin's ``cpLinearitySolve.py`` and of eo_pipe.
"""

import numpy as np

__all__ = [
    "linearity_residuals",
    "linearity_turnoff",
    "outliers",
    "reweighted_polynomial",
    "within_turnoff",
]

CAUCHY = 2.385
"""Scale at which Cauchy weights are 95 % efficient for Gaussian errors."""

N_REWEIGHTINGS = 10
MAD_TO_SIGMA = 1.482602218505602


def linearity_residuals(
    abscissae: np.ndarray,
    signals: np.ndarray,
    used: np.ndarray,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Give the relative deviation of signals from proportionality to light.

    Parameters
    ----------
    abscissae, signals
        Light and signal of each pair.
    used
        Pairs that make the slope Σx / Σ(x²/y), which weighs as photons do.
    groups
        Pairs that share a slope.

    Returns
    -------
    numpy.ndarray
        (signal − slope·light) / signal; NaN where a group has no slope.
    """
    residuals = np.full(signals.shape, np.nan)
    groups = groups if groups is not None else np.zeros(signals.size)
    for group in np.unique(groups):
        member = groups == group
        chosen = member & used
        if not chosen.any():
            continue
        x, y = abscissae[chosen], signals[chosen]
        slope = x.sum() / (x**2 / y).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            residuals[member] = 1 - slope * abscissae[member] / signals[member]
    return residuals


def linearity_turnoff(
    abscissae: np.ndarray,
    signals: np.ndarray,
    usable: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    min_signal: float = 1000.0,
    max_fraction: float = 0.01,
) -> float:
    """Find the largest signal that is still proportional to light.

    Parameters
    ----------
    abscissae, signals, groups
        As for `linearity_residuals`.
    usable
        Pairs to look at. Should they not suffice for a turnoff, the worst is left out
        until more than four agree.
    min_signal
        Fainter pairs do not make the slope.
    max_fraction
        Relative residual at which a pair is beyond the turnoff.

    Returns
    -------
    float
        In ADU; NaN where there is none.
    """
    fitted = usable & (np.nan_to_num(signals) >= min_signal)
    positive = np.isfinite(signals) & (np.nan_to_num(signals) > 0)
    while fitted.sum() >= 4:
        residuals = linearity_residuals(abscissae, signals, fitted, groups)
        residuals -= np.nanmedian(residuals[fitted])
        with np.errstate(invalid="ignore"):
            good = positive & (np.abs(residuals) < max_fraction)
        if good.sum() > 4:
            return float(signals[good].max())
        worst = np.flatnonzero(fitted)[np.nanargmax(np.abs(residuals[fitted]))]
        fitted[worst] = False
    return float("nan")


def within_turnoff(
    abscissae: np.ndarray,
    signals: np.ndarray,
    usable: np.ndarray,
    groups: np.ndarray | None,
    turnoff: float,
    *,
    max_fraction: float = 0.01,
) -> np.ndarray:
    """Tell the usable pairs that are not beyond the turnoff.

    A saturated pair may read less than the turnoff: its light tells it apart.

    Parameters
    ----------
    abscissae, signals, usable, groups, max_fraction
        As for `linearity_turnoff`.
    turnoff
        What that found, in ADU.
    """
    below = usable & (np.nan_to_num(signals, nan=np.inf) <= turnoff)
    if not below.any():
        return below
    residuals = linearity_residuals(abscissae, signals, below, groups)
    with np.errstate(invalid="ignore"):
        expected = signals * (1 - residuals + np.nanmedian(residuals[below]))
        inside: np.ndarray = below & (expected <= turnoff * (1 + 2 * max_fraction))
    return inside


def reweighted_polynomial(
    x: np.ndarray, y: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit a polynomial by least squares, iteratively reweighted after Cauchy.

    Parameters
    ----------
    x, y
        Shape (n,); y positive: its error is taken to be proportional to √y, as that of
        counts, the factor being found from the scatter.
    order
        Of the polynomial.

    Returns
    -------
    params, errors, chi_squared
        Coefficients from power 0 up, their errors from the scatter, and the reduced
        χ² of residuals over √y.
    """
    design = np.vander(x, order + 1, increasing=True)
    # Columns of one scale: powers of 1e5 would leave the solver without digits.
    size = np.maximum(np.abs(design).max(axis=0), 1e-300)
    design = design / size
    base = 1.0 / np.sqrt(np.maximum(y, 1.0))
    robust = np.ones_like(base)
    for _ in range(N_REWEIGHTINGS + 1):
        weight = base * np.sqrt(robust)
        rows = design * weight[:, None]
        solution, *_ = np.linalg.lstsq(rows, y * weight, rcond=None)
        residual = (y - design @ solution) * base
        scale = MAD_TO_SIGMA * np.median(np.abs(residual - np.median(residual)))
        if not scale > 0:
            break
        robust = 1.0 / (1.0 + (residual / scale / CAUCHY) ** 2)
    degrees = max(x.size - order - 1, 1)
    chi_squared = float((robust * residual**2).sum() / degrees)
    covariance = np.linalg.pinv(rows.T @ rows) * chi_squared
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0)) / size
    return solution / size, errors, chi_squared


def outliers(
    residuals: np.ndarray, errors: np.ndarray, used: np.ndarray, sigma: float
) -> np.ndarray:
    """Tell which used pairs stand further out than so many of the sample's sigmas.

    Parameters
    ----------
    residuals, errors, used
        Shape (n,); the errors need only be right in proportion.
    sigma
        Robust standard deviations.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = residuals / errors
    scale = MAD_TO_SIGMA * np.median(np.abs(relative[used] - np.median(relative[used])))
    if not scale > 0:
        return np.zeros_like(used)
    outlying: np.ndarray = used & (np.nan_to_num(np.abs(relative)) > sigma * scale)
    return outlying
