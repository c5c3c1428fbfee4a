import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.gains import (
    GainCorrection,
    gain_from_pair,
    solve_pair_gain,
)

GAIN, NOISE_E, SIGNAL_E, SHAPE = 1.6, 9.0, 900.0, (600, 500)


def poisson_pair(ratio=1.0, seed=3):
    rng = np.random.default_rng(seed)
    return [
        ((rng.poisson(level, SHAPE) + rng.normal(0, NOISE_E, SHAPE)) / GAIN).astype(
            np.float32
        )
        for level in (SIGNAL_E, ratio * SIGNAL_E)
    ]


# The relative error of a variance of N differences is sqrt(2/N).
TOLERANCE = 5 * GAIN * np.sqrt(2 / np.prod(SHAPE))


def test_gain_of_poisson_flats_is_recovered():
    first, second = poisson_pair()
    used = np.ones(SHAPE, bool)
    full = gain_from_pair(first, second, used, noise_adu=NOISE_E / GAIN)
    assert abs(full - GAIN) < TOLERANCE
    # Without the correction read noise passes for photons: 9 % here.
    plain = gain_from_pair(first, second, used, correction=GainCorrection.NONE)
    assert abs(plain - GAIN) > 5 * TOLERANCE
    assert plain == pytest.approx(GAIN / (1 + NOISE_E**2 / SIGNAL_E), rel=0.02)
    # So does a noise that is not known.
    assert gain_from_pair(first, second, used) == plain


def test_a_lamp_that_changed_does_not_change_the_gain():
    first, second = poisson_pair(ratio=1.1)
    used = np.ones(SHAPE, bool)
    gain = gain_from_pair(first, second, used, noise_adu=NOISE_E / GAIN)
    assert abs(gain - GAIN) < 2 * TOLERANCE
    # As upstream has it: (90 e)² / 1890 e more than the ratio of 1.
    naive = 1 / np.mean((first - second) ** 2 / (first + second))
    assert naive < 0.3 * GAIN


def test_the_quadratic_is_solved():
    mu, s, g = 5000.0, 6.0, 1.4
    ratio = s**2 / mu + 1 / g - 1 / (2 * g**2 * mu)
    assert solve_pair_gain(ratio, mu, s) == pytest.approx(g, rel=1e-12)
    # More noise than there is variance has no solution.
    assert np.isnan(solve_pair_gain(1e-3, 100.0, 6.0))


def test_flats_without_signal_or_scatter_have_no_gain():
    used = np.ones(SHAPE, bool)
    dark = np.zeros(SHAPE, np.float32)
    assert np.isnan(gain_from_pair(dark, dark, used, noise_adu=5.0))
    even = np.full(SHAPE, 100, np.float32)
    assert np.isnan(gain_from_pair(even, even, used, correction=GainCorrection.NONE))
    assert np.isnan(gain_from_pair(even, even, ~used))
    with pytest.raises(ImageError, match="one shape"):
        gain_from_pair(even, even[:-1], used)
