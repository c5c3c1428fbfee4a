"""Correction and measurement against packets that are moved one by one."""

import dataclasses

import numpy as np
import pytest

from calibrations.imaging.cti import (
    DeferredCharge,
    SerialTrap,
    correct_deferred_charge,
    deferred_charge_from_table,
    deferred_charge_table,
)
from calibrations.imaging.errors import ImageError
from tests.support.serial_readout import LinearTrap, read_out

PRESCAN, OVERSCAN = 3, 30


def make_scene(seed=1):
    """Make a sky with stars, in electrons, without noise."""
    rng = np.random.default_rng(seed)
    light = np.full((12, 120), 800.0)
    for _ in range(20):
        light[rng.integers(12), rng.integers(120)] += rng.uniform(1e3, 8e4)
    return light


def error_left(segment, light):
    """Give the largest deviation from what came in, overscan (0) included."""
    truth = np.zeros_like(segment)
    truth[:, PRESCAN : PRESCAN + light.shape[1]] = light
    return np.abs(segment - truth).max()


@pytest.mark.parametrize(
    ("what", "goal_e"),
    [
        # What is left: decay beyond 15 pixels, A² s, and third order of n b.
        ({"drift": 2e-4, "decay": 2.4}, 0.1),
        ({"b": 2e-6}, 0.1),
        ({"drift": 2e-4, "decay": 1.8, "b": 1e-6}, 0.15),
    ],
)
def test_correction_undoes_the_readout(what, goal_e):
    light = make_scene()
    segment = read_out(light, prescan=PRESCAN, overscan=OVERSCAN, **what)
    charge = DeferredCharge(
        "C00",
        drift_scale=what.get("drift", 0.0),
        decay_time=what.get("decay", 2.4),
        global_cti=what.get("b", 0.0),
    )
    assert error_left(correct_deferred_charge(segment, charge), light) < goal_e
    # Uncorrected, or corrected for nothing, it is off by ten times as much.
    assert error_left(segment, light) > 10 * goal_e
    nothing = DeferredCharge("C00")
    assert error_left(correct_deferred_charge(segment, nothing), light) > 10 * goal_e


def test_correction_empties_a_trap():
    light = make_scene()
    trap = LinearTrap(60.0, 0.01, 0.6)
    segment = read_out(light, prescan=PRESCAN, overscan=OVERSCAN, trap=trap)
    charge = DeferredCharge(
        "C00", trap=SerialTrap(60.0, 0.6, "linear", np.array([0.01]))
    )
    before = error_left(segment, light)
    after = error_left(correct_deferred_charge(segment, charge), light)
    # Equation 13 enters the capture with the pixel as read: off by f of what it lost.
    assert after < 0.02 * before
    assert before > 40


def test_trap_captures_are_their_formulas():
    signal = np.array([0.0, 50.0, 500.0, 5000.0])
    linear = SerialTrap(10.0, 0.4, "linear", np.array([0.05]))
    assert linear.capture(signal).tolist() == [0, 2.5, 10, 10]
    logistic = SerialTrap(10.0, 0.4, "logistic", np.array([500.0, 0.01]))
    assert logistic.capture(signal)[2] == pytest.approx(5.0)
    spline = SerialTrap(coeffs=np.array([0.0, 100.0, 1000.0, 0.0, 4.0, 4.0]))
    assert spline.capture(signal).tolist() == [0, 2, 4, 4]
    assert SerialTrap().is_empty
    assert not spline.is_empty


def test_rows_do_not_touch_one_another():
    light = make_scene()
    segment = read_out(light, prescan=PRESCAN, overscan=OVERSCAN, drift=2e-4, b=1e-6)
    charge = DeferredCharge("C00", drift_scale=2e-4, global_cti=1e-6)
    whole = correct_deferred_charge(segment, charge)
    assert np.array_equal(whole[4:6], correct_deferred_charge(segment[4:6], charge))


def test_not_a_number_stays_where_it_is():
    light = make_scene()
    segment = read_out(light, prescan=PRESCAN, overscan=OVERSCAN, drift=2e-4)
    segment[2, 40] = np.nan
    charge = DeferredCharge(
        "C00",
        drift_scale=2e-4,
        global_cti=1e-6,
        trap=SerialTrap(60.0, 0.6, "linear", np.array([0.01])),
    )
    corrected = correct_deferred_charge(segment, charge)
    assert np.isnan(corrected).sum() == 1
    assert np.isnan(corrected[2, 40])


def test_invalid_charge_corrects_nothing_and_lines_are_refused():
    segment = np.ones((2, 50), np.float32)
    charge = DeferredCharge("C00", drift_scale=1e-3, valid=False, reason="dead")
    assert np.array_equal(correct_deferred_charge(segment, charge), segment)
    with pytest.raises(ImageError, match="rows and columns"):
        correct_deferred_charge(segment[0], charge)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_e": -1.0},
        {"emission_time": 0.0},
        {"type": "cubic"},
        {"type": "linear", "coeffs": np.array([1.0, 2.0])},
        {"coeffs": np.array([2.0, 1.0, 0.0, 0.0])},
        {"coeffs": np.array([0.0, np.nan, 0.0, 0.0])},
    ],
)
def test_what_is_no_trap_is_refused(wrong):
    with pytest.raises(ImageError, match=r"trap|capture"):
        SerialTrap(**wrong)


def test_table_keeps_everything():
    first = DeferredCharge(
        "C00",
        drift_scale=2e-4,
        global_cti=3e-7,
        trap=SerialTrap(coeffs=np.array([0.0, 1e3, 2e3, 0.0, 4.0, 5.0])),
        signals_e=np.array([1e3, 2e3]),
        serial_eper=np.array([1e-6, np.nan]),
        parallel_eper=np.array([np.nan, np.nan]),
        serial_turnoff_e=9e4,
        input_gain=1.5,
    )
    second = DeferredCharge("C01", valid=False, reason="no flat")
    table = deferred_charge_table([first, second], {"GAIN_SOURCE": "ptc"})
    assert table.meta["GAIN_SOURCE"] == "ptc"
    read = deferred_charge_from_table(table)
    back = read["C00"]
    for field in dataclasses.fields(DeferredCharge):
        if field.name == "trap":
            continue
        expected, found = getattr(first, field.name), getattr(back, field.name)
        if isinstance(expected, float | np.ndarray):
            assert np.array_equal(expected, found, equal_nan=True), field.name
        else:
            assert expected == found, field.name
    assert np.array_equal(back.trap.coeffs, first.trap.coeffs)
    assert (read["C01"].valid, read["C01"].reason) == (False, "no flat")
    table.remove_column("DRIFT_SCALE")
    with pytest.raises(ImageError, match="DRIFT_SCALE"):
        deferred_charge_from_table(table)
