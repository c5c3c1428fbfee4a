"""The fit of the full covariance model: Astier+19 equation 20. NumPy in and out.

For one lag the model is a polynomial of fourth degree in the mean, so all that the
data say about it are the weighted moments of mean and covariance: from 100 pairs they
are reduced, without loss, to at most five numbers a lag (`_Reduced`), on which the
non-linear fit of all matrices then works with analytic derivatives. For 100 pairs of
10 x 10 covariances this replaces 10 000 residuals by 500.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import median_abs_deviation

from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc_models import full_covariance, symmetrized

__all__ = ["FullCovarianceFit", "fit_full_covariance"]

SIZES = {"a": 1e-6, "c": 1e-12, "noise": 10.0, "gain": 1.0}
"""By which parameters are divided for the fit."""


@dataclass(frozen=True, eq=False)
class FullCovarianceFit:
    """Matrices of one amplifier; all NaN where the fit was impossible."""

    gain: float
    gain_error: float
    a: np.ndarray
    """Shape (n_lags, n_lags), 1/electron, lag along x first."""

    a_error: np.ndarray
    c: np.ndarray
    """Same shape, 1/electron²; zero for ``FULLCOVARIANCE_NO_B``."""

    noise_e2: np.ndarray
    """Same shape, electrons²."""

    noise_e2_error: np.ndarray
    chi_squared: float
    """Reduced."""

    used: np.ndarray
    """Shape (n_pairs, n_lags, n_lags): False where a covariance was clipped."""

    converged: bool

    @property
    def b(self) -> np.ndarray:
        """The matrix b = c/a, 1/electron; NaN where a is zero."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.c / self.a

    @classmethod
    def impossible(cls, n_pairs: int, n_lags: int) -> "FullCovarianceFit":
        """Give the result for an amplifier that cannot be fitted."""
        none, nan = np.full((n_lags, n_lags), np.nan), float("nan")
        used = np.zeros((n_pairs, n_lags, n_lags), dtype=bool)
        return cls(nan, nan, none, none, none, none, none, nan, used, False)


def fit_full_covariance(
    means_adu: np.ndarray,
    covariances_adu2: np.ndarray,
    sqrt_weights: np.ndarray,
    *,
    with_b: bool = True,
    gain_start: float = float("nan"),
    clip_sigma: float = 5.0,
    max_iterations: int = 3,
) -> FullCovarianceFit:
    """Fit equation 20 of Astier+19 to the covariances of one amplifier.

    Parameters
    ----------
    means_adu
        Shape (n_pairs,).
    covariances_adu2, sqrt_weights
        Shape (n_pairs, n_lags, n_lags); weights are one over the error of each
        covariance. What is not finite, or has no weight, takes no part.
    with_b
        False sets b to zero (``FULLCOVARIANCE_NO_B``).
    gain_start
        Where to start; from the faint half of the variances if not given.
    clip_sigma, max_iterations
        Covariances further from the model than this many scaled median absolute
        deviations are left out, and the fit repeated, at most so often in total.

    Returns
    -------
    FullCovarianceFit
        Errors are from the curvature, times the root of the reduced chi².

    Raises
    ------
    ImageError
        Raised for shapes that do not match.
    """
    means = np.asarray(means_adu, np.float64)
    covariances = np.asarray(covariances_adu2, np.float64)
    weights = np.asarray(sqrt_weights, np.float64)
    n_lags = covariances.shape[-1]
    if covariances.shape != (means.size, n_lags, n_lags) or (
        weights.shape != covariances.shape
    ):
        raise ImageError(
            "Covariances and weights must have the shape (pairs, lags, lags): "
            f"{covariances.shape}, {weights.shape}, {means.size} means."
        )
    usable = np.isfinite(means)[:, np.newaxis, np.newaxis] & np.isfinite(covariances)
    weights = np.where(usable & np.isfinite(weights), weights, 0.0)
    fit: FullCovarianceFit | None = None
    for _ in range(max_iterations):
        if not _is_determined(weights, with_b):
            return FullCovarianceFit.impossible(means.size, n_lags)
        start = fit.gain if fit is not None else gain_start
        fit = _fit_once(means, covariances, weights, with_b, start)
        model = full_covariance(means, fit.a, fit.c, fit.noise_e2, fit.gain)
        residuals = np.where(weights > 0, (model - covariances) * weights, 0.0)
        scale = median_abs_deviation(residuals[weights > 0], scale="normal")
        outlying = np.abs(residuals) > clip_sigma * scale
        if not outlying.any():
            break
        weights = np.where(outlying, 0.0, weights)
    assert fit is not None, "there is at least one iteration"
    return fit


def _is_determined(weights: np.ndarray, with_b: bool) -> bool:
    """Whether every lag has more points than parameters."""
    needed = 4 if with_b else 3
    return bool(((weights > 0).sum(axis=0) > needed).all())


class _Reduced:
    """Data of all lags, reduced to the polynomial's own normal equations."""

    def __init__(
        self, means: np.ndarray, covariances: np.ndarray, weights: np.ndarray
    ) -> None:
        self.n_lags = covariances.shape[-1]
        # Powers of a mean that is about one keep the moments well conditioned.
        self.unit = float(np.max(np.where(weights.any(axis=(1, 2)), means, 0.0)))
        powers = np.vander(means / self.unit, 5, increasing=True)
        flat_weights = weights.reshape(means.size, -1).T[:, :, np.newaxis]
        design = flat_weights * np.nan_to_num(powers)
        values = np.nan_to_num(covariances.reshape(means.size, -1).T)
        data = flat_weights * values[:, :, np.newaxis]
        # R of each lag's design; what the data say beyond it is a constant chi².
        q, self.r = np.linalg.qr(design)
        self.target = (q.transpose(0, 2, 1) @ data)[:, :, 0]
        self.constant = float((data**2).sum() - (self.target**2).sum())
        self.n_points = int((weights > 0).sum())
        self.kept = weights > 0


class _Model:
    """Coefficients of the reduced polynomial, and their derivatives."""

    def __init__(self, reduced: _Reduced, with_b: bool) -> None:
        self.reduced, self.with_b = reduced, with_b
        n = reduced.n_lags
        self.n_lags, self.n = n, n * n
        lag = np.arange(n)
        signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
        i, j, k, m = np.meshgrid(lag, lag, lag, lag, indexing="ij")
        # Each mirror image of lag (k, m) once: lags on an axis have fewer.
        images = [
            (i - s * k, j - t * m, ((s > 0) | (k > 0)) & ((t > 0) | (m > 0)))
            for s, t in signs
        ]
        self._where = [
            (
                np.where(np.abs(x) < n, x, 0).astype(np.intp) + n - 1,
                np.where(np.abs(y) < n, y, 0).astype(np.intp) + n - 1,
                inside & (np.abs(x) < n) & (np.abs(y) < n),
            )
            for x, y, inside in images
        ]
        counts = [("a", self.n), ("noise", self.n), ("gain", 1)]
        if with_b:
            counts.insert(1, ("c", self.n))
        self.sizes = np.concatenate([np.full(m, SIZES[name]) for name, m in counts])

    def operator(self, matrix: np.ndarray) -> np.ndarray:
        """Convolution with a matrix of lags, as a matrix on flattened lags."""
        whole = symmetrized(matrix)
        total = np.zeros((self.n_lags,) * 4)
        for x, y, inside in self._where:
            total += np.where(inside, whole[x, y], 0.0)
        return total.reshape(self.n, self.n)

    def unpack(
        self, scaled: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Give a, c, noise (flat) and gain."""
        p, n = scaled * self.sizes, self.n
        c = p[n : 2 * n] if self.with_b else np.zeros(n)
        return p[:n], c, p[-n - 1 : -1], float(p[-1])

    def residuals(self, scaled: np.ndarray) -> np.ndarray:
        """Reduced residuals, 5 a lag."""
        return self._project(self._coefficients(scaled)[0])

    def jacobian(self, scaled: np.ndarray) -> np.ndarray:
        """Their derivatives by the scaled parameters."""
        slopes = self._coefficients(scaled)[1] * self.sizes
        projected: np.ndarray = self.reduced.r @ slopes
        return projected.reshape(-1, scaled.size)

    def _project(self, coefficients: np.ndarray) -> np.ndarray:
        """R (p − p̂) of each lag, flattened."""
        values = (self.reduced.r @ coefficients[:, :, np.newaxis])[:, :, 0]
        return (values - self.reduced.target).ravel()

    def _coefficients(self, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients, shape (lags, 5), and derivatives, (lags, 5, parameters).

        ``C = n/g² + [mu/g at lag 0] + a mu² + g s mu³ + g² t mu⁴`` with s and t the
        coefficients of M³ and M⁴.
        """
        a, c, noise, g = self.unpack(scaled)
        n, unit = self.n, self.reduced.unit
        by_a = self.operator(a.reshape(self.n_lags, -1))
        twice = by_a @ a
        s = 2.0 / 3.0 * (twice + c)
        t = by_a @ (twice / 3.0 + 5.0 / 6.0 * c)
        values = np.stack([noise / g**2, np.zeros(n), a, g * s, g**2 * t], axis=1)
        values[0, 1] = 1.0 / g
        slopes = np.zeros((n, 5, scaled.size))
        unity = np.eye(n)
        by_twice = self.operator(twice.reshape(self.n_lags, -1))
        slopes[:, 2, :n] = unity
        slopes[:, 3, :n] = g * 4.0 / 3.0 * by_a
        slopes[:, 4, :n] = g**2 * (by_twice + 2.0 * by_a @ by_a) / 3.0
        if self.with_b:
            by_c = self.operator(c.reshape(self.n_lags, -1))
            slopes[:, 4, :n] += g**2 * 5.0 / 6.0 * by_c
            slopes[:, 3, n : 2 * n] = g * 2.0 / 3.0 * unity
            slopes[:, 4, n : 2 * n] = g**2 * 5.0 / 6.0 * by_a
        slopes[:, 0, -n - 1 : -1] = unity / g**2
        slopes[:, 0, -1] = -2.0 * noise / g**3
        slopes[0, 1, -1] = -1.0 / g**2
        slopes[:, 3, -1] = s
        slopes[:, 4, -1] = 2.0 * g * t
        scale = unit ** np.arange(5)
        return values * scale, slopes * scale[:, np.newaxis]


def _fit_once(
    means: np.ndarray,
    covariances: np.ndarray,
    weights: np.ndarray,
    with_b: bool,
    gain_start: float,
) -> FullCovarianceFit:
    """Fit without rejection."""
    reduced = _Reduced(means, covariances, weights)
    model = _Model(reduced, with_b)
    if not np.isfinite(gain_start) or gain_start <= 0:
        gain_start = _faint_gain(means, covariances[:, 0, 0], weights[:, 0, 0])
    start = np.zeros(model.sizes.size)
    start[: model.n] = _start_a(means, covariances, weights, gain_start) / SIZES["a"]
    start[-1] = gain_start / SIZES["gain"]
    solution = least_squares(
        model.residuals, start, jac=model.jacobian, method="lm", xtol=1e-12, ftol=1e-12
    )
    chi2 = float((solution.fun**2).sum() + reduced.constant)
    n_free = reduced.n_points - start.size
    chi_squared = chi2 / n_free if n_free > 0 else float("nan")
    errors = _errors(solution.jac) * model.sizes * np.sqrt(chi_squared)
    a, c, noise, gain = model.unpack(solution.x)
    shape = (model.n_lags, model.n_lags)
    return FullCovarianceFit(
        gain=gain,
        gain_error=float(errors[-1]),
        a=a.reshape(shape),
        a_error=errors[: model.n].reshape(shape),
        c=c.reshape(shape),
        noise_e2=noise.reshape(shape),
        noise_e2_error=errors[-model.n - 1 : -1].reshape(shape),
        chi_squared=chi_squared,
        used=reduced.kept,
        converged=bool(solution.success),
    )


def _errors(jacobian: np.ndarray) -> np.ndarray:
    """Root of the diagonal of the inverse curvature; NaN if it has no inverse."""
    r = np.linalg.qr(jacobian, mode="r")
    try:
        inverse = np.linalg.inv(r)
    except np.linalg.LinAlgError:
        return np.full(jacobian.shape[1], np.nan)
    return np.sqrt((inverse**2).sum(axis=1))


def _faint_gain(
    means: np.ndarray, variances: np.ndarray, sqrt_weights: np.ndarray
) -> float:
    """Slope of the mean on the variance, of the fainter half."""
    good = (sqrt_weights > 0) & (variances > 0)
    faint = good & (means <= np.median(means[good]))
    slope = np.polyfit(means[faint], variances[faint], 1)[0]
    return float(1.0 / slope) if slope > 0 else 1.0


def _start_a(
    means: np.ndarray, covariances: np.ndarray, weights: np.ndarray, gain: float
) -> np.ndarray:
    """Weighted mean of ``(C − mu/g δ)/mu²`` of each lag."""
    less = covariances.copy()
    less[:, 0, 0] -= means / gain
    squares = (means**2)[:, np.newaxis, np.newaxis]
    weight = (weights * squares) ** 2
    total = np.where(weights > 0, less * squares * weights**2, 0.0).sum(axis=0)
    return (total / np.where(weights > 0, weight, 0.0).sum(axis=0)).ravel()
