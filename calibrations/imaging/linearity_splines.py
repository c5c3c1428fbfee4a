"""Splines of linearity, fitted against light. NumPy and SciPy, numbers in and out.

The model is Astier's, as Rubin's ``cp_pipe`` has it: with the signal μ, the light D and
one slope k for every group of pairs, the relative residual (μ − S(μ) − O)/(k D) − 1 is
least over the values of an Akima spline S at its knots, the slopes and, if asked for,
an offset O.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import Akima1DInterpolator
from scipy.optimize import least_squares

from calibrations.imaging.linearity import join_double_spline

__all__ = ["SplineFit", "double_spline_coefficients", "fit_spline"]

MAD_TO_SIGMA = 1.482602218505602
LEVEL_WEIGHT = 1e3
"""Of the constraint mean S = 0, in 1/ADU; 1e-6 ADU weigh as a residual of 0.1 %."""

N_CONSTRAINT = 100
STEP = 1e-3
"""Of a spline's value in a difference, in ADU."""

TOLERANCE = 1e-6
"""Relative, of the sum of squares: an Akima spline has kinks in its values, at which a
tighter fit only spends time."""

MAX_FRACTION = 0.25
"""A spline whose last value is more than this of its knot is no correction."""


@dataclass(frozen=True, eq=False)
class SplineFit:
    """A spline and what was fitted with it."""

    nodes: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    """Of each group, in the order of their numbers."""

    offset: float
    errors: np.ndarray
    """Of values, slopes and offset."""

    chi_squared: float
    """Reduced, of residuals over their own robust scatter."""

    used: np.ndarray


def fit_spline(
    signals: np.ndarray,
    abscissae: np.ndarray,
    groups: np.ndarray,
    used: np.ndarray,
    *,
    n_nodes: int,
    linear_limit: float,
    fit_offset: bool = False,
    clip_sigma: float = 5.0,
    min_rounds: int = 3,
    max_rounds: int = 20,
    max_rejected: int = 5,
) -> SplineFit | None:
    """Fit a spline to pairs of flats, rejecting outliers round by round.

    Parameters
    ----------
    signals, abscissae, groups, used
        Shape (n,): signal (ADU), light, group, and whether a pair counts.
    n_nodes
        Knots from 0 to the largest signal; a knot with no pair between it and the one
        before is dropped.
    linear_limit
        S averages to 0 from 0 to here: what is left over is gain, not linearity.
    fit_offset
        Whether O is free; otherwise it is 0.
    clip_sigma, min_rounds, max_rounds, max_rejected
        Pairs beyond so many robust sigmas are left out, at most ``max_rejected`` in
        each of ``min_rounds`` to ``max_rounds`` rounds.

    Returns
    -------
    SplineFit or None
        None where the fit does not converge to a correction below 25 %.
    """
    used = used.copy()
    problem = _Problem(
        signals, abscissae, groups, used, n_nodes, linear_limit, fit_offset
    )
    params = problem.start()
    for i in range(max_rounds):
        solution = least_squares(
            problem.residuals,
            params,
            problem.jacobian,
            args=(used,),
            x_scale=problem.scale,
            method="lm",
            ftol=TOLERANCE,
            xtol=TOLERANCE,
        )
        params = solution.x
        if not np.isfinite(params).all():
            return None
        deviations = np.where(used, np.abs(problem.relative(params)[:-1]), 0.0)
        scatter = MAD_TO_SIGMA * np.median(deviations[used])
        cut = clip_sigma * scatter
        if used.sum() > max_rejected:
            cut = max(cut, np.sort(deviations)[-max_rejected - 1])
        outlying = used & (deviations > cut) & (scatter > 0)
        if outlying.any() and (used & ~outlying).sum() > params.size:
            used = used & ~outlying
        elif i + 1 >= min_rounds:
            break
    fit = problem.finished(params, solution.jac, used)
    good = solution.success and abs(fit.values[-1]) <= MAX_FRACTION * fit.nodes[-1]
    return fit if good else None


class _Problem:
    """Parameters are the values at all knots but 0, the slopes, and maybe an offset."""

    def __init__(
        self,
        signals: np.ndarray,
        abscissae: np.ndarray,
        groups: np.ndarray,
        used: np.ndarray,
        n_nodes: int,
        linear_limit: float,
        fit_offset: bool,
    ) -> None:
        self.signals = np.where(used, signals, 1.0)
        self.abscissae = np.where(used, abscissae, 1.0)
        _, self.group = np.unique(
            np.where(used, groups, groups[used][0]), return_inverse=True
        )
        self.nodes = spread_nodes(signals[used], n_nodes)
        self.n_values = self.nodes.size - 1
        self.n_groups = int(self.group.max()) + 1
        self.fit_offset = fit_offset
        grid = np.linspace(0.0, min(linear_limit, self.nodes[-1]), N_CONSTRAINT)
        inside = np.clip(self.signals, 0.0, self.nodes[-1])
        self.places = np.concatenate([inside, grid])
        self.used = used

    def start(self) -> np.ndarray:
        """Begin with a straight line."""
        slopes = []
        for group in range(self.n_groups):
            member = self.used & (self.group == group)
            x, y = self.abscissae[member], self.signals[member]
            slopes.append(x.sum() / (x**2 / y).sum())
        self.scale = np.concatenate(
            [np.full(self.n_values, 10.0), slopes, [1.0] if self.fit_offset else []]
        )
        return np.concatenate(
            [np.zeros(self.n_values), slopes, [0.0] if self.fit_offset else []]
        )

    def split(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Take the parameters apart; S(0) = 0 is no parameter."""
        values = np.concatenate([[0.0], params[: self.n_values]])
        slopes = params[self.n_values : self.n_values + self.n_groups]
        return values, slopes, float(params[-1]) if self.fit_offset else 0.0

    def relative(self, params: np.ndarray) -> np.ndarray:
        """Relative residual of every pair; at the end, the mean of S."""
        values, slopes, offset = self.split(params)
        spline = Akima1DInterpolator(self.nodes, values)(self.places)
        corrected = self.signals - spline[: self.signals.size] - offset
        ratio = corrected / (slopes[self.group] * self.abscissae)
        return np.append(ratio - 1, spline[self.signals.size :].mean())

    def residuals(self, params: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Residuals of the pairs that count, and the constraint."""
        relative = self.relative(params)
        return np.append(relative[:-1][used], LEVEL_WEIGHT * relative[-1])

    def jacobian(self, params: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Give the derivatives of `residuals`; the spline's are differences."""
        values, slopes, offset = self.split(params)
        steps = np.column_stack(
            [np.zeros(values.size), STEP * np.eye(values.size)[:, 1:]]
        )
        splines = Akima1DInterpolator(self.nodes, values[:, None] + steps)(self.places)
        by_value = (splines[:, 1:] - splines[:, :1]) / STEP
        n = self.signals.size
        light = slopes[self.group] * self.abscissae
        corrected = self.signals - splines[:n, 0] - offset
        parts = [-by_value[:n] / light[:, None]]
        member = -1.0 * (self.group[:, None] == np.arange(self.n_groups))
        parts.append(member * (corrected / light / slopes[self.group])[:, None])
        if self.fit_offset:
            parts.append(-1.0 / light[:, None])
        level = np.zeros(params.size)
        level[: self.n_values] = LEVEL_WEIGHT * by_value[n:].mean(axis=0)
        return np.vstack([np.hstack(parts)[used], level])

    def finished(
        self, params: np.ndarray, jacobian: np.ndarray, used: np.ndarray
    ) -> SplineFit:
        """Give the fit with errors from the scatter."""
        values, slopes, offset = self.split(params)
        deviations = self.relative(params)[:-1][used]
        # The constraint takes one of the values away.
        degrees = max(int(used.sum()) - params.size + 1, 1)
        variance = float((deviations**2).sum() / degrees)
        scatter = MAD_TO_SIGMA * float(np.median(np.abs(deviations)))
        errors = np.sqrt(np.diag(np.linalg.pinv(jacobian.T @ jacobian)) * variance)
        if not self.fit_offset:
            errors = np.append(errors, 0.0)
        return SplineFit(
            nodes=self.nodes,
            values=values,
            slopes=slopes,
            offset=offset,
            errors=np.concatenate([[0.0], errors]),
            chi_squared=variance / scatter**2 if scatter > 0 else float("nan"),
            used=used,
        )


def spread_nodes(signals: np.ndarray, n_nodes: int) -> np.ndarray:
    """Spread knots evenly from 0 to just above the largest signal.

    A knot that no signal determines is dropped, down to three.
    """
    nodes = np.linspace(0.0, signals.max() + 1.0, n_nodes)
    counts, _ = np.histogram(signals, bins=nodes)
    kept = np.concatenate([[True], counts[:-1] > 0, [True]])
    if kept.sum() < 3:
        kept[n_nodes // 2] = True
    return nodes[kept]


def double_spline_coefficients(
    relative: SplineFit | None, absolute: SplineFit, scale: float
) -> np.ndarray:
    """Join a relative spline with the reference amplifier's, scaled to this amplifier.

    Parameters
    ----------
    relative
        None for the reference amplifier itself.
    absolute
        Of the reference amplifier, in its ADU.
    scale
        ADU of this amplifier for one of the reference. Upstream takes 1 whatever it
        is, which for gains 10 % apart bends the correction by as much.
    """
    first = None if relative is None else (relative.nodes, relative.values)
    return join_double_spline(first, (scale * absolute.nodes, scale * absolute.values))
