"""The response is bent by a formula of the test's own; the fits must straighten it."""

import dataclasses

import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.linearity import LinearityType
from calibrations.imaging.linearity_data import LinearityData, LinearitySettings
from calibrations.imaging.linearity_fits import fit_linearizers
from calibrations.imaging.linearity_lines import (
    linearity_turnoff,
    reweighted_polynomial,
)

GOAL = 1e-3
"""Largest relative residual that may be left after correction."""

NAMES = ("C10", "C11", "C12")
RATES = np.array([1000.0, 1060.0, 940.0])
FULL_ADU = 105000.0
N_PIXELS = 1e6
GAIN = 1.5


def bend(true_adu, amplifier=0):
    """Give what is read for a true signal: 1 % of curvature, more for some."""
    curvature = 1e-7 * (1 + 0.2 * amplifier)
    return true_adu - curvature * true_adu**2 + 1e-13 * true_adu**3


def make_pairs(*, n=60, seed=1, lamp=2e-4, unit=1.0, groups=None):
    """Make means of pairs with photon noise, a lamp that flickers, and saturation."""
    rng = np.random.default_rng(seed)
    seconds = np.linspace(0.3, 120.0, n)
    light = seconds * (1 + rng.normal(0, lamp, n))
    if groups is not None:
        light = light * np.where(groups == 1, 1.3, 1.0)
    signals = []
    for i, rate in enumerate(RATES):
        true = rate * light
        noise = np.sqrt(true / GAIN / N_PIXELS + 25 / N_PIXELS)
        read = bend(true, i) + rng.normal(0, 1, n) * noise
        signals.append(np.where(true > FULL_ADU, bend(FULL_ADU, i), read))
    return LinearityData(
        NAMES,
        np.array(signals),
        seconds * unit,
        2026111600001 + 2 * np.arange(n),
        groups=groups,
    )


def settings(kind, **more):
    return LinearitySettings(LinearityType(kind), **more)


def worst_residual(linearizer, amplifier, *, correct=True):
    """Give the largest deviation from a line through 0, of true signals to 95000."""
    true = np.linspace(500.0, 95000.0, 500)
    read = bend(true, amplifier)
    if correct:
        read = linearizer.linearize(read).astype(float)
    slope = true.sum() / (true**2 / read).sum()
    return np.abs(read / true / slope - 1).max()


@pytest.mark.parametrize(
    "kind", ["Squared", "Polynomial", "LookupTable", "Spline", "DoubleSpline"]
)
def test_every_kind_straightens_the_response(kind):
    linearizers = fit_linearizers(make_pairs(), settings(kind))
    for i, name in enumerate(NAMES):
        one = linearizers[name]
        assert one.valid, one.reason
        assert worst_residual(one, i) < GOAL
        # Doing nothing, or correcting for nothing, would not do.
        assert worst_residual(one, i, correct=False) > 3 * GOAL
        # The pairs' own residuals are the lamp's and the photons' noise.
        assert np.nanstd(one.residuals) < 4e-4
        assert one.linear_fit[1] == pytest.approx(RATES[i], rel=0.01)


def test_coefficients_are_those_of_the_definition():
    # c0 = -k2 / k1² of signal = k1 light + k2 light²: the curvature put in.
    linearizers = fit_linearizers(make_pairs(lamp=1e-5), settings("Polynomial"))
    for i, name in enumerate(NAMES):
        c0, c1 = linearizers[name].coeffs
        assert c0 == pytest.approx(1e-7 * (1 + 0.2 * i), rel=0.05)
        assert c1 == pytest.approx(-1e-13, rel=0.3)


def test_photodiode_charge_serves_as_well_as_time():
    # Another unit of light, 1e-9 as charges are: nothing else changes.
    by_time = fit_linearizers(make_pairs(), settings("Spline"))["C10"]
    by_charge = fit_linearizers(make_pairs(unit=1e-9), settings("Spline"))["C10"]
    assert np.allclose(by_time.coeffs, by_charge.coeffs, atol=0.5)
    assert by_charge.linear_fit[1] == pytest.approx(1e9 * by_time.linear_fit[1])


def test_group_slopes_take_up_lamp_settings():
    groups = np.arange(60) % 2
    data = make_pairs(groups=groups)
    one = fit_linearizers(data, settings("Spline"))["C10"]
    assert worst_residual(one, 0) < GOAL
    # Taken for one group, slopes 30 % apart leave no linear response at all.
    mixed = fit_linearizers(dataclasses.replace(data, groups=None), settings("Spline"))[
        "C10"
    ]
    assert not mixed.valid or worst_residual(mixed, 0) > GOAL


def test_offset_of_leaking_light_is_told_from_curvature():
    data = make_pairs()
    lifted = dataclasses.replace(data, signals_adu=data.signals_adu + 30.0)
    # Knots that are close to each other at low signals would take an offset for theirs.
    even = settings("Spline", fit_offset=True, knot_power=1.0)
    one = fit_linearizers(lifted, even)["C10"]
    assert worst_residual(one, 0) < GOAL
    assert one.linear_fit[0] == pytest.approx(30.0, abs=3.0)


def test_order_of_pairs_does_not_matter():
    data = make_pairs()
    order = np.random.default_rng(2).permutation(60)
    shuffled = dataclasses.replace(
        data,
        signals_adu=data.signals_adu[:, order],
        abscissae=data.abscissae[order],
        exposures=data.exposures[order],
    )
    for kind in ("Polynomial", "Spline"):
        straight = fit_linearizers(data, settings(kind))["C11"]
        mixed = fit_linearizers(shuffled, settings(kind))["C11"]
        assert np.allclose(straight.coeffs, mixed.coeffs, rtol=1e-4, atol=1e-2)
        # Residuals come back in the order given.
        assert np.allclose(
            straight.residuals[order], mixed.residuals, atol=1e-6, equal_nan=True
        )


def test_spline_is_zero_at_zero_and_on_average():
    one = fit_linearizers(make_pairs(), settings("Spline"))["C10"]
    (nodes, values) = one.splines()[0]
    assert (nodes[0], values[0]) == (0.0, 0.0)
    grid = np.linspace(0, one.turnoff_adu, 2000)
    mean = (grid - one.linearize(grid)).mean()
    # The constraint holds to 1e-3 of what the spline corrects.
    assert abs(mean) < 1e-2 * np.abs(values).max()


def test_outliers_are_left_out_and_named():
    data = make_pairs()
    signals = data.signals_adu.copy()
    signals[0, 20] *= 1.03
    struck = dataclasses.replace(data, signals_adu=signals)
    for kind in ("Polynomial", "Spline"):
        one = fit_linearizers(struck, settings(kind))["C10"]
        assert not one.used[20]
        assert np.isnan(one.residuals[20])
        assert worst_residual(one, 0) < GOAL


def test_turnoff_is_where_the_response_leaves_the_line():
    seconds = np.linspace(1, 120, 120)
    signals = np.minimum(1000.0 * seconds, 90000.0)
    found = linearity_turnoff(seconds, signals, np.ones(120, bool))
    # A clipped signal is 1 % low one step beyond 90000 / 0.99.
    assert found == 90000.0
    one = fit_linearizers(make_pairs(), settings("Squared"))["C10"]
    assert 90000 < one.turnoff_adu <= FULL_ADU


def test_cauchy_weights_hold_against_outliers():
    rng = np.random.default_rng(4)
    x = np.linspace(10, 1000, 200)
    y = 5 + 3 * x + rng.normal(0, 1, 200) * np.sqrt(x) * 0.1
    y[::20] *= 1.2
    params, errors, _ = reweighted_polynomial(x, y, 1)
    assert abs(params[1] - 3) < 5 * errors[1]
    plain = np.polynomial.polynomial.polyfit(x, y, 1)
    assert abs(plain[1] - 3) > 5 * errors[1]


def spoiled(change):
    data = make_pairs()
    signals, abscissae = data.signals_adu.copy(), data.abscissae.copy()
    change(signals, abscissae)
    return dataclasses.replace(data, signals_adu=signals, abscissae=abscissae)


def dead(signals, abscissae):
    signals[0] = 0.0


def not_a_number(signals, abscissae):
    signals[0] = np.nan


def saturated(signals, abscissae):
    signals[0] = 120000.0


def without_light(signals, abscissae):
    signals[0] = np.random.default_rng(1).uniform(900, 1100, signals.shape[1])


def few(signals, abscissae):
    signals[0, 3:] = np.nan


@pytest.mark.parametrize("change", [dead, not_a_number, saturated, without_light, few])
@pytest.mark.parametrize("kind", ["Squared", "LookupTable", "Spline", "DoubleSpline"])
def test_amplifier_that_cannot_be_measured_says_why(change, kind):
    linearizers = fit_linearizers(spoiled(change), settings(kind))
    assert not linearizers["C10"].valid
    assert linearizers["C10"].reason
    # Its neighbours do not suffer.
    assert linearizers["C11"].valid
    assert worst_residual(linearizers["C11"], 1) < GOAL


def test_single_bad_numbers_cost_only_their_pairs():
    def change(signals, abscissae):
        signals[0, 3] = np.nan
        signals[0, 7] = -5.0
        abscissae[11] = 0.0
        abscissae[12] = np.nan

    one = fit_linearizers(spoiled(change), settings("Polynomial"))["C10"]
    assert one.valid
    assert not one.used[[3, 7, 11, 12]].any()
    assert worst_residual(one, 0) < GOAL


def test_amplifier_known_to_be_bad_is_not_measured():
    data = dataclasses.replace(make_pairs(), unusable={"C12": "bad in the ptc"})
    one = fit_linearizers(data, settings("Squared"))["C12"]
    assert (one.valid, one.reason) == (False, "bad in the ptc")


def test_noisy_amplifier_is_no_reference():
    data = dataclasses.replace(make_pairs(), noise_e=np.array([5.0, 30.0, 5.0]))
    linearizers = fit_linearizers(data, settings("DoubleSpline"))
    # The reference, of the two quiet ones the one whose response reaches further, has
    # no relative spline.
    assert [name for name in NAMES if linearizers[name].coeffs[0] == 0] == ["C12"]
    loudest = dataclasses.replace(data, noise_e=np.array([5.0, 5.0, 30.0]))
    linearizers = fit_linearizers(loudest, settings("DoubleSpline"))
    assert linearizers["C12"].coeffs[0] > 0
    loud = dataclasses.replace(data, noise_e=np.full(3, 30.0))
    for one in fit_linearizers(loud, settings("DoubleSpline")).values():
        assert one.reason == "no amplifier is fit to be the reference"


def test_vectors_that_do_not_belong_together_are_refused():
    with pytest.raises(ImageError, match="signals_adu of 3 amplifiers"):
        dataclasses.replace(make_pairs(), signals_adu=np.zeros((2, 60)))
