"""Gain, brighter-fatter and read noise: what went in comes out, and nothing else would.

Tolerances are what the noise of so many pixels leaves to any fit (the Fisher matrix of
the variances), not what ours happens to reach.
"""

import numpy as np
import pytest

from benchmarks.recovery_data import A00, GAIN, READ_NOISE_E, SMALL
from benchmarks.recovery_runs import AMPLIFIER
from calibrations.imaging.ptc import FitType, FlatPairs, PtcSettings
from calibrations.imaging.ptc_solve import solve_ptc

# Upstream's fit starts there.
START = {"gain": 1.5, "a00": -2.0e-6}


@pytest.fixture(scope="module")
def curve(flats):
    n = len(flats.pairs)
    pairs = FlatPairs.gather(
        {AMPLIFIER: flats.pairs},
        [(2 * i + 1, 2 * i + 2) for i in range(n)],
        noises_adu={AMPLIFIER: flats.noises_adu},
        exposure_times_s=list(flats.light_e / 5000.0),
    )
    settings = PtcSettings(fit_type=FitType.FULLCOVARIANCE_NO_B)
    (curve,) = solve_ptc(pairs, settings)
    return curve


@pytest.fixture(scope="module")
def errors(flats):
    """Smallest errors of gain and a00 that the variances of these pairs allow."""
    level = flats.light_e
    n_pixels = np.array([pair.n_pixels for pair in flats.pairs])

    def variance(gain, a00, noise):
        # Per pixel, ADU²: shot noise less what brighter-fatter takes, and readout.
        mean_adu = level / GAIN
        electrons = mean_adu * gain
        return np.expm1(2 * a00 * electrons) / (2 * a00 * gain**2) + noise / gain**2

    truth = np.array([GAIN, A00, READ_NOISE_E**2])
    sigma = variance(*truth) * np.sqrt(2.0 / n_pixels)
    jacobian = np.empty((level.size, 3))
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-4 * truth[k]
        slope = variance(*(truth + step)) - variance(*(truth - step))
        jacobian[:, k] = slope / (2 * step[k]) / sigma
    spread = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))
    return {"gain": spread[0], "a00": spread[1]}


def check(measured, truth, error, *, n_sigma=4.0):
    assert np.isfinite(measured)
    assert abs(measured - truth) < n_sigma * error


def test_gain_is_recovered_and_no_other_would_do(flats, curve, errors):
    assert errors["gain"] < 0.006 * GAIN
    check(curve.gain, GAIN, errors["gain"])
    # Mean over variance of the bright half, brighter-fatter uncorrected.
    bright = np.array([(p.mean_adu, p.variance_adu2) for p in flats.pairs[20:]])
    uncorrected = float(np.mean(bright[:, 0] / bright[:, 1]))
    for wrong in (0.0, START["gain"], uncorrected, np.nan):
        with pytest.raises(AssertionError):
            check(wrong, GAIN, errors["gain"])


def test_the_areas_change_is_recovered_and_no_other_would_do(curve, errors):
    assert errors["a00"] < 0.07 * abs(A00)
    check(curve.a00, A00, errors["a00"])
    for wrong in (0.0, START["a00"], -A00, np.nan):
        with pytest.raises(AssertionError):
            check(wrong, A00, errors["a00"])


def test_neighbours_in_the_column_are_told_from_those_in_the_row(flats, curve):
    # Covariances of all pairs together: a_ij is C_ij / N² with the error of a
    # covariance, 1 / √pixels, over the level.
    level = flats.light_e
    n_pixels = np.array([pair.n_pixels for pair in flats.pairs])
    error = 1.0 / np.sqrt(np.sum(n_pixels * level**2))
    # Lag along x comes first; the truth is that of the simulator's areas.
    check(curve.a_matrix[0, 1], 6.015e-7, error, n_sigma=5.0)
    check(curve.a_matrix[1, 0], 2.192e-7, error, n_sigma=5.0)
    for wrong in (0.0, curve.a_matrix[1, 0]):
        with pytest.raises(AssertionError):
            check(wrong, 6.015e-7, error, n_sigma=5.0)


def test_read_noise_is_that_of_the_overscan(flats):
    """Clipping at 3 σ hides 1.3 % of it, the median of 58 columns another 0.4 %."""
    inside = 1 - 2 * 3 * 0.00443185 / 0.9973002
    median = 1 - 2 / 58 + np.pi / 2 / 58
    rounding = GAIN**2 / 12
    expected = np.sqrt((READ_NOISE_E**2 + rounding) * inside * median)
    n_pixels = 58 * SMALL.data_rows * 2 * len(flats.noises_adu)
    # The median of the frames wastes a quarter; clipping passes scatter a little.
    error = expected / np.sqrt(2 * n_pixels) * 1.5 + 0.002 * expected
    measured = float(np.median(flats.noises_adu)) * GAIN

    check(measured, expected, error, n_sigma=3.0)
    assert measured == pytest.approx(READ_NOISE_E, rel=0.025)
    # Zero, the camera's nominal noise, counts not brought to electrons.
    for wrong in (0.0, 7.9, measured / GAIN):
        with pytest.raises(AssertionError):
            check(wrong, expected, error, n_sigma=3.0)
