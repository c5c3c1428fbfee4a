import numpy as np
import pytest
from scipy.signal import convolve2d, fftconvolve
from scipy.stats import truncnorm

from calibrations.imaging.covariances import measure_covariances
from calibrations.imaging.errors import ImageError
from calibrations.imaging.statistics import clip_bias_factor


def summed_directly(image, used, n_lags):
    """The definition, pixel pair by pixel pair."""
    ny, nx = image.shape
    values, counts = np.zeros((n_lags, n_lags)), np.zeros((n_lags, n_lags))
    for i in range(n_lags):
        for j in range(n_lags):
            for sign in {1, -1} if i and j else {1}:
                here = (slice(0, ny - j), slice(0, nx - i))
                there = (slice(j, ny), slice(i, nx))
                if sign < 0:
                    here, there = (there[0], here[1]), (here[0], there[1])
                both = used[here] & used[there]
                one, other = image[here][both], image[there][both]
                values[i, j] += (one * other).sum() - one.sum() * other.mean()
                counts[i, j] += both.sum()
    return values / counts, counts


@pytest.mark.parametrize("shape", [(40, 33), (64, 64), (31, 100)])
def test_covariances_are_the_sums_of_their_definition(shape):
    rng = np.random.default_rng(1)
    image = rng.normal(3.0, 20.0, shape)
    used = rng.random(shape) > 0.1
    image[~used] = np.nan  # whatever is there must not matter
    values, counts = summed_directly(image, used, 5)
    measured = measure_covariances(image, used, 5)
    np.testing.assert_allclose(measured.values, values, rtol=0, atol=1e-11 * 400)
    np.testing.assert_array_equal(measured.counts, counts)


def test_known_correlations_are_recovered():
    # White noise smeared by h has the covariances h ⋆ h; x and y are told apart.
    rng = np.random.default_rng(2)
    h = np.array([[0.00, 0.02, 0.00], [0.15, 1.00, 0.10], [0.00, 0.30, 0.05]])
    sigma = 30.0
    image = fftconvolve(rng.normal(0.0, sigma, (700, 600)), h, mode="valid")
    known = sigma**2 * convolve2d(h, h[::-1, ::-1], mode="full")
    along_x, along_y = known[2, 2:], known[2:, 2]
    measured = measure_covariances(image, np.ones(image.shape, bool), 3)
    # Var(C) is about C00² / N, doubled for what correlation adds.
    tolerance = 5 * np.sqrt(2) * known[2, 2] / np.sqrt(image.size)
    np.testing.assert_allclose(measured.values[:, 0], along_x, rtol=0, atol=tolerance)
    np.testing.assert_allclose(measured.values[0], along_y, rtol=0, atol=tolerance)
    # Neither zeros nor the two axes exchanged would pass.
    assert np.abs(along_x - along_y)[1] > 2 * tolerance
    assert abs(along_x[1]) > 2 * tolerance
    # Both diagonals are averaged.
    diagonal = 0.5 * (known[3, 3] + known[3, 1])
    assert abs(measured.values[1, 1] - diagonal) < tolerance


def test_clipping_is_undone():
    for sigma in (2.0, 3.0, 5.5):
        exact = 1 / truncnorm(-sigma, sigma).var()
        assert clip_bias_factor(sigma) == pytest.approx(exact, rel=1e-9)
    assert clip_bias_factor(2.0) > 1.25  # it does matter


def test_what_cannot_be_measured_is_refused_or_nan():
    image = np.zeros((20, 20))
    with pytest.raises(ImageError, match="one shape"):
        measure_covariances(image, np.ones((20, 21), bool), 3)
    with pytest.raises(ImageError, match="lags"):
        measure_covariances(image, np.ones(image.shape, bool), 20)
    with pytest.raises(ImageError, match="leaves nothing"):
        clip_bias_factor(0.0)
    nothing = measure_covariances(image, np.zeros(image.shape, bool), 3)
    assert np.isnan(nothing.values).all()
    assert (nothing.counts == 0).all()
