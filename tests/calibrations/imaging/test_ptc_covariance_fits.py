import numpy as np
import pytest
from scipy.optimize import least_squares

from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc_covariance_fits import fit_full_covariance
from calibrations.imaging.ptc_models import full_covariance

GAIN, N_PIXELS = 1.5, 1_000_000


def convolved(one, other, reach):
    """Sum over all lags of a * b, lag by lag; matrices are even in both lags."""

    def at(matrix, i, j):
        i, j = abs(i), abs(j)
        return matrix[i, j] if i < reach and j < reach else 0.0

    lags = range(1 - reach, reach)
    return np.array(
        [
            [
                sum(at(one, k, m) * at(other, i - k, j - m) for k in lags for m in lags)
                for j in range(reach)
            ]
            for i in range(reach)
        ]
    )


def model(mu, a, c, noise, g):
    """Equation 20 of Astier+19, written out once more."""
    r, big = len(a), mu * g
    aa, ac = convolved(a, a, r), convolved(a, c, r)
    aaa = convolved(aa, a, r)
    result = np.array(
        [
            (M / g**2)
            * (a * M + 2 / 3 * M**2 * (aa + c) + M**3 * (aaa / 3 + 5 / 6 * ac))
            + noise / g**2
            for M in big
        ]
    )
    result[:, 0, 0] += mu / g
    return result


def matrices(r):
    i, j = np.meshgrid(np.arange(r), np.arange(r), indexing="ij")
    a = 4e-7 / (0.7 + i**2 + 3.0 * j**2) ** 1.35
    a[0, 0] = -2.8e-6
    noise = np.full((r, r), 1.5)
    noise[0, 0] = 45.0
    return a, a * 1.2e-6, noise


def sample(r=4, n_pairs=60, seed=6, with_b=True):
    rng = np.random.default_rng(seed)
    a, c, noise = matrices(r)
    c = c if with_b else np.zeros_like(c)
    means = np.geomspace(200, 80000, n_pairs)
    exact = model(means, a, c, noise, GAIN)
    errors = np.tile(exact[:, :1, :1], (1, r, r)) / np.sqrt(N_PIXELS)
    errors[:, 0, 0] *= np.sqrt(2)
    return means, exact + errors * rng.normal(size=exact.shape), 1 / errors


def test_the_model_is_equation_20():
    a, c, noise = matrices(4)
    means = np.array([100.0, 20000.0, 80000.0])
    np.testing.assert_allclose(
        full_covariance(means, a, c, noise, GAIN),
        model(means, a, c, noise, GAIN),
        rtol=1e-12,
    )
    with pytest.raises(ImageError, match="square"):
        full_covariance(means, a, c[:2], noise, GAIN)


@pytest.mark.parametrize("with_b", [True, False])
def test_truth_is_recovered_within_the_errors(with_b):
    means, covariances, weights = sample(with_b=with_b)
    fit = fit_full_covariance(means, covariances, weights, with_b=with_b)
    a, _, noise = matrices(4)
    assert fit.converged
    assert abs(fit.chi_squared - 1) < 5 * np.sqrt(2 / covariances.size)
    assert abs(fit.gain - GAIN) < 5 * fit.gain_error
    assert fit.gain_error < 0.001 * GAIN
    pulls = np.concatenate(
        [
            ((fit.a - a) / fit.a_error).ravel(),
            ((fit.noise_e2 - noise) / fit.noise_e2_error).ravel(),
        ]
    )
    assert np.abs(pulls).max() < 5
    assert abs(pulls.std() - 1) < 5 / np.sqrt(2 * pulls.size)
    # The effect itself is seen at hundreds of sigma, and lags are told apart.
    assert abs(a[0, 0]) > 100 * fit.a_error[0, 0]
    assert abs(a[1, 0] - a[0, 1]) > 5 * fit.a_error[1, 0]
    assert bool((fit.c == 0).all()) is not with_b


def test_the_reduced_fit_is_the_fit_of_all_residuals():
    means, covariances, weights = sample(r=2, n_pairs=25)
    fit = fit_full_covariance(means, covariances, weights, max_iterations=1)
    sizes = np.repeat([1e-6, 1e-12, 10.0, 1.0], [4, 4, 4, 1])

    def residuals(p):
        a, c, noise = (p * sizes)[:12].reshape(3, 2, 2)
        return ((model(means, a, c, noise, p[-1]) - covariances) * weights).ravel()

    start = np.concatenate([fit.a, fit.c, fit.noise_e2], axis=None)
    start = np.append(start, fit.gain) / sizes
    direct = least_squares(residuals, start * 1.05, method="lm", xtol=1e-14)
    errors = np.sqrt(np.diag(np.linalg.inv(direct.jac.T @ direct.jac)))
    assert np.abs((direct.x - start) / errors).max() < 1e-3
    chi_squared = (direct.fun**2).sum() / (direct.fun.size - 13)
    assert fit.chi_squared == pytest.approx(chi_squared, rel=1e-6)
    scaled = errors * np.sqrt(chi_squared)
    assert fit.gain_error == pytest.approx(scaled[-1], rel=1e-2)


def test_outliers_are_clipped():
    means, covariances, weights = sample()
    clean = fit_full_covariance(means, covariances, weights)
    covariances[30, 1, 2] += 40 / weights[30, 1, 2]
    covariances[45, 0, 0] -= 40 / weights[45, 0, 0]
    fit = fit_full_covariance(means, covariances, weights)
    assert not fit.used[30, 1, 2]
    assert not fit.used[45, 0, 0]
    assert abs(fit.a[0, 0] - clean.a[0, 0]) < fit.a_error[0, 0]
    kept = fit_full_covariance(means, covariances, weights, max_iterations=1)
    assert abs(kept.a[0, 0] - clean.a[0, 0]) > 2 * abs(fit.a[0, 0] - clean.a[0, 0])


def test_too_few_pairs_and_wrong_shapes():
    means, covariances, weights = sample(n_pairs=4)
    fit = fit_full_covariance(means, covariances, weights)
    assert not fit.converged
    assert np.isnan(fit.gain)
    assert np.isnan(fit.a).all()
    with pytest.raises(ImageError, match="shape"):
        fit_full_covariance(means[1:], covariances, weights)
