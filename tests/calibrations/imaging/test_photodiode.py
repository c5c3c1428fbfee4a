"""Charges of light that was on for a known time at a known current."""

import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.photodiode import (
    IntegrationMethod,
    PhotodiodeReadings,
    integrate_charge,
)

BASELINE_A = 2.0e-11
LIGHT_A = 1.0e-9
STEP_S = 0.01
ON_S = 2.0
NOISE_A = 2.0e-12


def readings(sign=1.0, *, seed=7, light_a=LIGHT_A, charges=False):
    """Six seconds of readings with the light on for the third and the fourth."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(0.0, 6.0, STEP_S)
    on = (time_s >= 2.0) & (time_s < 2.0 + ON_S)
    current = BASELINE_A + light_a * on + rng.normal(0, NOISE_A, time_s.size)
    return PhotodiodeReadings(time_s, sign * current * (STEP_S if charges else 1.0))


# Noise of a sum over n readings; the baseline is known from 400 of 600 of them, whose
# error counts in all. One step more or less at the flanks is the rest.
N = 600
SUM_SIGMA_C = NOISE_A * STEP_S * np.sqrt(N) * np.sqrt(1 + N / 400)
FLANKS_C = LIGHT_A * STEP_S


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("method", ["TRIMMED_SUM", "CHARGE_SUM"])
def test_light_alone_is_added_up_whatever_the_sign_of_the_meter(method, sign):
    given = readings(sign, charges=method == "CHARGE_SUM")
    charge = integrate_charge(given, method)

    # Five sigma of the noise, and one step at the flanks.
    assert charge == pytest.approx(LIGHT_A * ON_S, abs=5 * SUM_SIGMA_C + FLANKS_C)
    # Neither nothing nor what is not corrected for the baseline would pass.
    tolerance = 5 * SUM_SIGMA_C + FLANKS_C
    assert abs(LIGHT_A * ON_S) > 3 * tolerance
    assert 3 * tolerance < BASELINE_A * 6.0


def test_without_a_baseline_everything_is_added_up():
    charge = integrate_charge(readings(), IntegrationMethod.DIRECT_SUM)

    expected = LIGHT_A * ON_S + BASELINE_A * 6.0
    assert charge == pytest.approx(expected, abs=5 * SUM_SIGMA_C + FLANKS_C)


def test_the_mean_is_multiplied_by_the_exposure_time():
    given = readings()
    charge = integrate_charge(given, "MEAN", exposure_time_s=3.0)

    assert charge == pytest.approx(given.current_a.mean() * 3.0)
    with pytest.raises(ImageError, match="needs the exposure time"):
        integrate_charge(given, "MEAN")


def test_twice_the_light_is_twice_the_charge():
    once, twice = (
        integrate_charge(readings(light_a=light_a))
        for light_a in (LIGHT_A, 2 * LIGHT_A)
    )

    tolerance = (10 * SUM_SIGMA_C + 3 * FLANKS_C) / (LIGHT_A * ON_S)
    assert twice / once == pytest.approx(2.0, rel=tolerance)


def test_a_fixed_scale_is_taken_as_it_is():
    given = readings()

    assert integrate_charge(given, current_scale=2.0) == pytest.approx(
        2.0 * integrate_charge(given)
    )
    assert integrate_charge(given, "DIRECT_SUM", current_scale=-1.0) < 0


@pytest.mark.parametrize("method", ["TRIMMED_SUM", "CHARGE_SUM"])
def test_no_light_is_an_error_and_no_charge(method):
    flat = PhotodiodeReadings(np.arange(50.0), np.full(50, 1e-10))

    with pytest.raises(ImageError, match="no light was seen"):
        integrate_charge(flat, method)


def test_light_all_the_time_leaves_no_baseline():
    ramp = np.full(20, 1e-9)
    ramp[10] = 0.0
    given = PhotodiodeReadings(np.arange(20.0), ramp)

    with pytest.raises(ImageError, match="there is no baseline"):
        integrate_charge(given, "CHARGE_SUM", current_scale=1.0)


@pytest.mark.parametrize(
    ("time_s", "current_a", "message"),
    [
        ([0.0, 1.0, 2.0], [1.0, 2.0], "3 times and 2"),
        ([0.0], [1.0], "at least two"),
        ([0.0, 1.0], [1.0, np.nan], "are not numbers"),
        ([0.0, 0.0, 1.0], [1.0, 1.0, 1.0], "do not ascend"),
    ],
)
def test_what_is_no_series_of_readings_is_refused(time_s, current_a, message):
    with pytest.raises(ImageError, match=message):
        PhotodiodeReadings(np.array(time_s), np.array(current_a))


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="SOME_SUM"):
        integrate_charge(readings(), "SOME_SUM")


def test_readings_survive_their_table():
    given = readings()
    given.meta["OBS_ID"] = "MC_O_20261109_000007"
    found = PhotodiodeReadings.from_table(given.to_table())

    np.testing.assert_array_equal(found.current_a, given.current_a)
    assert found.meta == given.meta
    assert str(given.to_table()["CURRENT"].unit) == "A"
