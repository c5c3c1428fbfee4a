"""Which pairs a photon transfer curve is fitted to. NumPy in and out.

The rejection is that of `cp_pipe`'s ``fitPtc`` (after Seth Digel's in eo_pipe): a curve
through faint pairs only, where every amplifier still behaves, is continued to bright
ones and says which of them do not belong to it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import least_squares

from calibrations.imaging.ptc_fits import BOUNDS, fit_exp_approximation
from calibrations.imaging.ptc_models import exp_approximation

__all__ = ["OutlierSettings", "Turnoff", "find_turnoff", "fit_rolloff", "reject_pairs"]

TAU_START = 1200.0
TAU_RANGE = (100.0, 10000.0)
STEPS = (1e-10, 1e-5, 1e-3)
"""Least differences of a00, gain and noise² in a derivative."""

SEARCH_BELOW = 20000.0
"""The roll-off begins at most this far below the turnoff, ADU."""


@dataclass(frozen=True)
class OutlierSettings:
    """Choices; defaults as upstream."""

    max_signal: float = 50000.0
    """The first curve is fitted to pairs with mean and variance below this."""

    max_gap: float = 9000.0
    """After rejected pairs, the next good one must be no further than this from the
    last good one, or all that follow are rejected."""

    in_electrons: bool = True
    """Whether these two are electrons (brought to ADU by a rough gain) or ADU."""

    sigma_cut: float = 5.0
    max_iterations: int = 2

    max_rolloff_deviation: float = 0.01
    """LSSTCam: 0.005."""

    rolloff_search_adu: float = 50000.0
    """How far beyond the turnoff pairs may take part in the fit of the roll-off."""


@dataclass(frozen=True)
class Turnoff:
    """Where the curve of an amplifier ends, ADU."""

    signal_adu: float
    sampling_error_adu: float
    """Half the distance between the pairs next to it."""


def reject_pairs(
    means_adu: np.ndarray,
    variances_adu2: np.ndarray,
    usable: np.ndarray,
    settings: OutlierSettings | None = None,
    *,
    errors_adu2: np.ndarray | None = None,
) -> np.ndarray:
    """Reject pairs that do not belong to the curve of their amplifier.

    Parameters
    ----------
    means_adu, variances_adu2
        Shape (n_amplifiers, n_pairs).
    usable
        Same shape, False where a pair must not be used.
    settings
        Choices.
    errors_adu2
        Same shape: errors of the variances.

    Returns
    -------
    numpy.ndarray
        Same shape, True where a pair is kept; all False for an amplifier with fewer
        than two pairs left.

    Notes
    -----
    A pair is an outlier if its variance departs from the curve by more than
    ``sigma_cut`` times the *square root of the variance*, in ADU. So upstream has it:
    it is no standard deviation but a tolerance (5 % at 10 000 ADU²) that lets pass
    what equation 16 does not model. Where the error of the variance is larger than
    that, as in small readout windows, it is taken instead. The curves weigh pairs by
    the same units, which upstream's do not, and their own errors count where those of
    the variances are known.
    """
    settings = settings or OutlierSettings()
    usable = usable & np.isfinite(means_adu) & (variances_adu2 > 0)
    limit, gap = _limits(means_adu, variances_adu2, usable, settings)
    faint = usable & (means_adu <= limit) & (variances_adu2 <= limit)
    # Where nearly all is bright, there is nothing better to begin with than all.
    few = faint.sum(axis=1) < 3
    kept = np.where(few[:, np.newaxis], usable, faint)
    units = np.sqrt(np.where(usable, variances_adu2, 0.0))
    if errors_adu2 is not None:
        units = np.fmax(units, errors_adu2)
    last = usable
    for _ in range(settings.max_iterations):
        # By the same units: alike, bright pairs would leave the constant part so
        # uncertain that all the faint ones, which tell it, could be rejected.
        weights = np.where(kept & (units > 0), 1.0 / np.fmax(units, 1e-30), 0.0)
        fits = fit_exp_approximation(means_adu, variances_adu2, weights)
        own = np.zeros(means_adu.shape)
        if errors_adu2 is not None:
            for i, parameters in enumerate(fits.parameters):
                own[i] = _curve_errors(
                    means_adu[i], parameters, weights[i], errors_adu2[i]
                )
        tolerances = settings.sigma_cut * np.hypot(units, own)
        kept = usable & _close(means_adu, variances_adu2, fits.parameters, tolerances)
        kept[kept.sum(axis=1) < 2] = False
        for i in range(len(kept)):
            kept[i] = _before_gap(means_adu[i], kept[i], float(gap[i, 0]))
        if np.array_equal(kept, last):
            break
        last = kept
    return kept


def find_turnoff(means_adu: np.ndarray, kept: np.ndarray) -> Turnoff:
    """Give the largest kept mean of one amplifier, and how well it is sampled.

    Parameters
    ----------
    means_adu, kept
        Shape (n_pairs,).
    """
    if not kept.any():
        return Turnoff(float("nan"), float("nan"))
    turnoff = float(means_adu[kept].max())
    finite = means_adu[np.isfinite(means_adu)]
    below, above = finite[finite < turnoff], finite[finite > turnoff]
    low = float(below.max()) if below.size else turnoff
    error = 0.5 * (float(above.min()) - low) if above.size else turnoff - low
    return Turnoff(turnoff, error)


def fit_rolloff(
    means_adu: np.ndarray,
    variances_adu2: np.ndarray,
    kept: np.ndarray,
    parameters: np.ndarray,
    settings: OutlierSettings | None = None,
) -> float:
    """Find where the variance of one amplifier begins to roll off.

    Parameters
    ----------
    means_adu, variances_adu2, kept
        Shape (n_pairs,).
    parameters
        a00, gain, noise² of the fit to the kept pairs.
    settings
        Choices.

    Returns
    -------
    float
        Largest mean (ADU), not beyond the turnoff, at which a curve with a roll-off
        (``exp((mu − mu_T)/tau) − 1`` taken off above mu_T) departs from one without
        by no more than ``max_rolloff_deviation``; the turnoff itself where no fainter
        variance lies beyond it.
    """
    settings = settings or OutlierSettings()
    turnoff = find_turnoff(means_adu, kept).signal_adu
    if not np.isfinite(turnoff):
        return turnoff
    at_turnoff = variances_adu2[means_adu == turnoff].max()
    beyond = (
        (means_adu > turnoff)
        & (means_adu < turnoff + settings.rolloff_search_adu)
        & (variances_adu2 <= at_turnoff)
    )
    if not beyond.any():
        return turnoff
    order = np.argsort(means_adu)
    sample = order[(kept | beyond)[order]]
    mu, variances = means_adu[sample], variances_adu2[sample]
    lower = [*(low for low, _ in BOUNDS), turnoff - SEARCH_BELOW, TAU_RANGE[0]]
    upper = [*(high for _, high in BOUNDS), turnoff, TAU_RANGE[1]]
    start = np.clip([*parameters, turnoff, TAU_START], lower, upper)
    solution = least_squares(
        lambda p: _with_rolloff(mu, p) - variances,
        start,
        bounds=(lower, upper),
        x_scale=[1e-6, 1.0, 10.0, 1000.0, 1000.0],
    )
    without = exp_approximation(mu, *solution.x[:3])
    deviation = np.abs(_with_rolloff(mu, solution.x) / without - 1.0)
    good = mu[deviation <= settings.max_rolloff_deviation]
    return min(float(good.max()), turnoff) if good.size else turnoff


def _with_rolloff(mu: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Equation 16, less an exponential above mu_T."""
    beyond = np.clip((mu - p[3]) / p[4], 0.0, 500.0)
    return exp_approximation(mu, p[0], p[1], p[2]) - np.expm1(beyond)


def _limits(
    means: np.ndarray,
    variances: np.ndarray,
    usable: np.ndarray,
    settings: OutlierSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Give the two limits in ADU, shape (n_amplifiers, 1)."""
    gain = np.ones((len(means), 1))
    if settings.in_electrons:
        ratios = np.where(usable, means, np.nan) / np.where(usable, variances, np.nan)
        for i, row in enumerate(ratios):
            if np.isfinite(row).any():
                gain[i] = max(float(np.nanmedian(row)), 1e-3)
    return settings.max_signal / gain, settings.max_gap / gain


def _close(
    means: np.ndarray,
    variances: np.ndarray,
    parameters: np.ndarray,
    tolerances: np.ndarray,
) -> np.ndarray:
    """Tell which pairs lie near their amplifier's curve."""
    close = np.zeros(means.shape, dtype=bool)
    for i, p in enumerate(parameters):
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            departure = variances[i] - exp_approximation(means[i], *p)
            close[i] = np.abs(departure) < tolerances[i]
    return close


def _curve_errors(
    means: np.ndarray, parameters: np.ndarray, weights: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Give standard errors of a fitted curve at each mean; 0 where it has none.

    Far from the pairs it was fitted to, a curve is less certain than a pair.
    """
    known = np.isfinite(means) & np.isfinite(errors)
    result = np.zeros(means.shape)
    if not np.isfinite(parameters).all() or (known & (weights > 0)).sum() < 3:
        return result
    steps = np.diag(np.fmax(1e-4 * np.abs(parameters), STEPS))
    mu = means[known]
    slopes = np.column_stack(
        [
            (
                exp_approximation(mu, *(parameters + step))
                - exp_approximation(mu, *(parameters - step))
            )
            / 2.0
            for step in steps
        ]
    )
    # Pairs weigh by other units than their errors.
    influence = np.linalg.pinv(slopes * weights[known, np.newaxis])
    influence = influence * (weights * np.nan_to_num(errors))[known]
    result[known] = np.sqrt(((slopes @ influence) ** 2).sum(axis=1))
    return result


def _before_gap(means: np.ndarray, kept: np.ndarray, max_gap: float) -> np.ndarray:
    """Reject all beyond a large gap of rejected pairs."""
    order = np.argsort(np.where(np.isfinite(means), means, np.inf), kind="stable")
    places = np.flatnonzero(kept[order])
    for before, after in pairwise(places):
        jump = means[order[after]] - means[order[before]]
        if after > before + 1 and jump >= max_gap:
            result = kept.copy()
            result[order[after:]] = False
            return result
    return kept
