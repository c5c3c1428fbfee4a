import numpy as np
import pytest
from scipy.optimize import curve_fit

from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc_fits import BOUNDS, START, fit_exp_approximation
from calibrations.imaging.ptc_models import exp_approximation

N_PIXELS = 1_000_000


def variance(mu, a, g, n):
    """Equation 16 of Astier+19, written out once more."""
    return np.expm1(2 * a * mu * g) / (2 * a * g**2) + n / g**2


def curves(n=40, n_pairs=60, seed=5):
    rng = np.random.default_rng(seed)
    truth = np.stack(
        [
            rng.uniform(-4e-6, -1e-6, n),
            rng.uniform(1.2, 1.8, n),
            rng.uniform(20, 90, n),
        ],
        axis=1,
    )
    means = np.geomspace(50, 80000, n_pairs) * rng.uniform(0.9, 1.1, (n, 1))
    exact = np.stack([variance(mu, *p) for mu, p in zip(means, truth, strict=True)])
    errors = exact * np.sqrt(2 / N_PIXELS)
    return truth, means, exact + errors * rng.normal(size=exact.shape), 1 / errors


def test_truth_is_recovered_within_the_errors():
    truth, means, variances, weights = curves()
    fits = fit_exp_approximation(means, variances, weights)
    assert fits.converged.all()
    pulls = (fits.parameters - truth) / fits.errors
    # 120 pulls: of N(0, 1) none beyond 5, and their scatter is 1 ± 5 / sqrt(240).
    assert np.abs(pulls).max() < 5
    assert abs(pulls.std() - 1) < 5 / np.sqrt(2 * pulls.size)
    assert abs(np.median(fits.chi_squared) - 1) < 0.2
    # The start, and no brighter-fatter effect at all, are far off.
    for wrong in (np.array(START), np.array([0.0, 1.5, 55.0])):
        assert np.median(np.abs(wrong - truth) / fits.errors) > 20


def test_parameters_are_those_of_curve_fit():
    _, means, variances, weights = curves(n=12)
    fits = fit_exp_approximation(means, variances, weights)
    # scipy's numerical derivatives step by 1e-8: parameters must be of order one.
    sizes = np.array([1e-6, 1.0, 10.0])
    lower, upper = np.array(BOUNDS).T / sizes
    for i in range(12):
        best, covariance = curve_fit(
            lambda mu, *p: variance(mu, *(p * sizes)),
            means[i],
            variances[i],
            p0=START / sizes,
            sigma=1 / weights[i],
            bounds=(lower, upper - np.array([1e-9, 0, 0])),
            jac="3-point",
            ftol=1e-14,
            xtol=1e-14,
            gtol=1e-14,
        )
        errors = np.sqrt(np.diag(covariance)) * sizes
        assert np.abs((fits.parameters[i] - best * sizes) / errors).max() < 1e-4
        np.testing.assert_allclose(fits.errors[i], errors, rtol=1e-3)


def test_bounds_hold():
    # Variance that grows faster than the mean would want a positive a00.
    mu = np.geomspace(100, 50000, 30)
    growing = (mu / 1.5 * (1 + 2e-6 * mu))[np.newaxis]
    fits = fit_exp_approximation(mu[np.newaxis], growing, 1 / growing)
    assert fits.parameters[0, 0] == 0.0
    assert fits.converged[0]
    # The best of what is left, as scipy finds it too.
    best = curve_fit(
        lambda x, g, n: x / g + n / g**2,
        mu,
        growing[0],
        p0=(1.5, 25),
        sigma=growing[0],
        bounds=((0.1, 0), (10, 2000)),
        x_scale=(1, 10),
    )[0]
    np.testing.assert_allclose(fits.parameters[0, 1:], best, rtol=1e-5, atol=1e-6)


def test_left_out_points_do_not_matter_and_few_are_not_fitted():
    _, means, variances, weights = curves(n=3)
    expected = fit_exp_approximation(means[:, :50], variances[:, :50], weights[:, :50])
    variances[:, 50:], weights[:, 55:] = np.nan, np.nan
    weights[:, 50:55] = 0
    fits = fit_exp_approximation(means, variances, weights)
    np.testing.assert_array_equal(fits.parameters, expected.parameters)
    assert (fits.n_points == 50).all()
    weights[1, 2:] = 0
    few = fit_exp_approximation(means, variances, weights)
    assert np.isnan(few.parameters[1]).all()
    assert not few.converged[1]
    np.testing.assert_array_equal(few.parameters[[0, 2]], expected.parameters[[0, 2]])
    with pytest.raises(ImageError, match="one shape"):
        fit_exp_approximation(means, variances[:, 1:], weights)


def test_the_model_has_its_limit_without_brighter_fatter():
    mu = np.array([0.0, 100.0, 50000.0])
    linear = mu / 1.5 + 30 / 1.5**2
    np.testing.assert_allclose(exp_approximation(mu, 0.0, 1.5, 30.0), linear)
    np.testing.assert_allclose(
        exp_approximation(mu, -1e-14, 1.5, 30.0), linear, rtol=1e-8
    )
    np.testing.assert_allclose(
        exp_approximation(mu[1:], -2e-6, 1.5, 30.0), variance(mu[1:], -2e-6, 1.5, 30.0)
    )
