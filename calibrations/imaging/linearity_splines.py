"""Splines of linearity, fitted against light. NumPy and SciPy, numbers in and out.

The model is Astier's, as Rubin's ``cp_pipe`` has it: with the signal μ, the light D and
one slope k for every group of pairs, the relative residual (μ − S(μ) − O)/(k D) − 1 is
least over the values of an Akima spline S at its knots, the slopes and, if asked for,
an offset O.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import Akima1DInterpolator, CubicSpline
from scipy.optimize import OptimizeResult, brentq, least_squares

from calibrations.imaging.linearity import join_double_spline

__all__ = ["SplineFit", "double_spline_coefficients", "fit_spline"]

MAD_TO_SIGMA = 1.482602218505602
N_CONSTRAINT = 100
STEP = 1e-3
"""Of a spline's value in a difference, in ADU."""

TOLERANCE = 1e-6
"""Relative, of the sum of squares: an Akima spline has kinks in its values, at which a
tighter fit only spends time."""

LEAST_SCATTER = 1e-7
"""Relative: residuals of exact numbers have some, too."""

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
    errors: np.ndarray | None = None,
    knot_power: float = 1.0,
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
    errors
        Shape (n,): relative errors of the signals, to which the light's scatter, one
        number for all, is added as the residuals have it. All alike if not given.
    knot_power
        Knots are spread as (0, 1/n, … 1) to this power.
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
        signals,
        abscissae,
        groups,
        used,
        spread_nodes(signals[used], n_nodes, knot_power),
        linear_limit,
        fit_offset,
    )
    noise = np.zeros(signals.size) if errors is None else errors
    sigmas = np.ones(signals.size)
    params = problem.start(used, np.ones(int(used.sum())))
    for i in range(max_rounds):
        solution = _minimise(problem, params, used, sigmas)
        params = solution.x
        if not np.isfinite(params).all():
            return None
        relative = problem.relative(params)
        sigmas = total_errors(relative, noise, used, params.size)
        deviations = np.where(used, np.abs(relative) / sigmas, 0.0)
        cut = clip_sigma
        if used.sum() > max_rejected:
            cut = max(cut, np.sort(deviations)[-max_rejected - 1])
        outlying = used & (deviations > cut)
        if outlying.any() and (used & ~outlying).sum() > params.size:
            used = used & ~outlying
        elif i + 1 >= min_rounds:
            break
    fit = problem.finished(params, used, sigmas)
    good = solution.success and abs(fit.values[-1]) <= MAX_FRACTION * fit.nodes[-1]
    return fit if good else None


def _minimise(
    problem: "_Problem", start: np.ndarray, used: np.ndarray, sigmas: np.ndarray
) -> OptimizeResult:
    """Minimise; the kinks of an Akima spline stop one method where another goes on."""
    weights = np.median(sigmas[used]) / sigmas[used]
    for method in ("lm", "trf"):
        solution = least_squares(
            problem.residuals,
            start,
            problem.jacobian,
            args=(used, weights),
            x_scale=problem.scale,
            method=method,
            ftol=TOLERANCE,
            xtol=TOLERANCE,
        )
        if solution.success:
            break
        start = solution.x
    return solution


def total_errors(
    relative: np.ndarray, noise: np.ndarray, used: np.ndarray, n_parameters: int
) -> np.ndarray:
    """Add to the noise of signals the scatter of the light that residuals show.

    Parameters
    ----------
    relative, noise, used
        Shape (n,): residuals, errors that are known, and which count.
    n_parameters
        That were fitted, and took their part of the scatter away.

    Returns
    -------
    numpy.ndarray
        Shape (n,), positive. The median square of residuals over them is that of a
        Gaussian.
    """
    left, own = relative[used], noise[used]
    share = max(1.0 - n_parameters / left.size, 1.0 / left.size)
    most = MAD_TO_SIGMA * float(np.median(np.abs(left))) / np.sqrt(share)

    def excess(light: float) -> float:
        scale = np.sqrt(own**2 + light**2)
        return MAD_TO_SIGMA * float(np.median(np.abs(left) / scale)) / np.sqrt(share)

    floor = max(1e-3 * most, LEAST_SCATTER)
    light = floor
    if most > floor and excess(floor) > 1.0:
        light = float(brentq(lambda x: excess(x) - 1.0, floor, 1.001 * most, rtol=1e-3))
    errors: np.ndarray = np.sqrt(noise**2 + light**2)
    return errors


class _Problem:
    """Parameters are the values at all knots but 0, further slopes, maybe an offset.

    The first group's slope is held: a spline may take any part of a straight line, and
    the level that S shall have settles which when all is fitted. As a constraint of the
    fit it made a valley so narrow that minimisers stopped on its side.
    """

    def __init__(
        self,
        signals: np.ndarray,
        abscissae: np.ndarray,
        groups: np.ndarray,
        used: np.ndarray,
        nodes: np.ndarray,
        linear_limit: float,
        fit_offset: bool,
    ) -> None:
        self.signals = np.where(used, signals, 1.0)
        self.abscissae = np.where(used, abscissae, 1.0)
        _, self.group = np.unique(
            np.where(used, groups, groups[used][0]), return_inverse=True
        )
        self.nodes = nodes
        self.n_values = self.nodes.size - 1
        self.n_groups = int(self.group.max()) + 1
        self.fit_offset = fit_offset
        self.grid = np.linspace(0.0, min(linear_limit, nodes[-1]), N_CONSTRAINT)
        self.places = np.clip(self.signals, 0.0, self.nodes[-1])
        slopes = []
        for group in range(self.n_groups):
            x, y = (
                values[used & (self.group == group)]
                for values in (self.abscissae, self.signals)
            )
            slopes.append(x.sum() / (x**2 / y).sum())
        self.first_slope = slopes[0]
        offset = [1.0] if fit_offset else []
        self.scale = np.concatenate([np.full(self.n_values, 10.0), slopes[1:], offset])
        self.begin = np.concatenate(
            [np.zeros(self.n_values), slopes[1:], np.zeros(len(offset))]
        )

    def start(self, used: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Begin with the best cubic spline, which is linear in its values."""
        residuals = self.residuals(self.begin, used, weights)
        unit = np.eye(self.nodes.size)[:, 1:]
        cubic = CubicSpline(self.nodes, unit)(self.places)
        jacobian = self.jacobian(self.begin, used, weights, by_value=cubic)
        step, *_ = np.linalg.lstsq(jacobian * self.scale, -residuals, rcond=None)
        begin: np.ndarray = self.begin + step * self.scale
        return begin

    def split(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Take the parameters apart; S(0) = 0 is no parameter."""
        values = np.concatenate([[0.0], params[: self.n_values]])
        end = self.n_values + self.n_groups - 1
        slopes = np.concatenate([[self.first_slope], params[self.n_values : end]])
        return values, slopes, float(params[-1]) if self.fit_offset else 0.0

    def relative(self, params: np.ndarray) -> np.ndarray:
        """Relative residual of every pair."""
        values, slopes, offset = self.split(params)
        spline = Akima1DInterpolator(self.nodes, values)(self.places)
        ratio: np.ndarray = (self.signals - spline - offset) / (
            slopes[self.group] * self.abscissae
        )
        return ratio - 1

    def residuals(
        self, params: np.ndarray, used: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Weighted residuals of the pairs that count."""
        residuals: np.ndarray = weights * self.relative(params)[used]
        return residuals

    def jacobian(
        self,
        params: np.ndarray,
        used: np.ndarray,
        weights: np.ndarray,
        by_value: np.ndarray | None = None,
    ) -> np.ndarray:
        """Give the derivatives of `residuals`; the spline's are differences."""
        values, slopes, _ = self.split(params)
        if by_value is None:
            steps = np.column_stack(
                [np.zeros(values.size), STEP * np.eye(values.size)[:, 1:]]
            )
            shifted = Akima1DInterpolator(self.nodes, values[:, None] + steps)
            splines = shifted(self.places)
            by_value = (splines[:, 1:] - splines[:, :1]) / STEP
        light = slopes[self.group] * self.abscissae
        ratio = 1.0 + self.relative(params)
        parts = [-by_value / light[:, None]]
        member = -1.0 * (self.group[:, None] == np.arange(1, self.n_groups))
        parts.append(member * (ratio / slopes[self.group])[:, None])
        if self.fit_offset:
            parts.append(-1.0 / light[:, None])
        jacobian: np.ndarray = weights[:, None] * np.hstack(parts)[used]
        return jacobian

    def finished(
        self, params: np.ndarray, used: np.ndarray, sigmas: np.ndarray
    ) -> SplineFit:
        """Give the fit at the level wanted, with errors from the scatter."""
        deviations = self.relative(params)[used] / sigmas[used]
        degrees = max(int(used.sum()) - params.size, 1)
        chi_squared = float((deviations**2).sum() / degrees)
        jacobian = self.jacobian(params, used, 1.0 / sigmas[used])
        scaled = jacobian * self.scale
        covariance = np.linalg.pinv(scaled.T @ scaled) * max(chi_squared, 1.0)
        levelled = self.levelled(params)
        by_param = (
            np.column_stack(
                [
                    (self.levelled(params + step) - levelled)
                    for step in 1e-3 * np.diag(self.scale)
                ]
            )
            / 1e-3
        )
        errors = np.sqrt(np.einsum("ij,jk,ik->i", by_param, covariance, by_param))
        end = self.nodes.size + self.n_groups
        return SplineFit(
            nodes=self.nodes,
            values=levelled[: self.nodes.size],
            slopes=levelled[self.nodes.size : end],
            offset=float(levelled[-1]),
            errors=errors,
            chi_squared=chi_squared,
            used=used,
        )

    def levelled(self, params: np.ndarray) -> np.ndarray:
        """Give values, slopes and offset of the same fit with mean S = 0.

        ``(1 + a)(μ − S − O)`` is another spline, offset and slope for any a.
        """
        values, slopes, offset = self.split(params)
        mean = Akima1DInterpolator(self.nodes, values)(self.grid).mean()
        a = mean / (self.grid.mean() - mean)
        return np.concatenate(
            [
                (1 + a) * values - a * self.nodes,
                (1 + a) * slopes,
                [(1 + a) * offset],
            ]
        )


def spread_nodes(signals: np.ndarray, n_nodes: int, power: float = 1.0) -> np.ndarray:
    """Spread knots from 0 to just above the largest signal, evenly for a power of 1.

    A knot that no signal determines is dropped, down to three.
    """
    nodes = np.linspace(0.0, 1.0, n_nodes) ** power * (signals.max() + 1.0)
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
