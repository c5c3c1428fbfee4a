"""Overscans of flats, read out packet by packet, must give back what was put in."""

import dataclasses

import numpy as np
import pytest

from calibrations.imaging.cti import correct_deferred_charge
from calibrations.imaging.cti_fits import CtiSettings, fit_deferred_charge
from calibrations.imaging.cti_overscan import measure_overscan
from calibrations.imaging.cti_response import (
    cti_turnoff,
    extended_pixel_edge_response,
    overscan_model,
)
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from tests.support.serial_readout import LinearTrap, make_flat_segment, read_out

PRESCAN, NX, OVERSCAN = 3, 200, 40
NY, PARALLEL = 100, 12
DATA = Box(PRESCAN, 0, PRESCAN + NX, NY)
SERIAL_BOX = Box(PRESCAN + NX, 0, PRESCAN + NX + OVERSCAN, NY)
PARALLEL_BOX = Box(PRESCAN, NY, PRESCAN + NX, NY + PARALLEL)
# As quiet as the mean of 2000 rows of 5 electrons is.
NOISE_E = 5.0 / np.sqrt(20.0)
TRUTH = {"drift": 2e-4, "decay": 2.4, "b": 1e-6}
LEVELS = np.geomspace(500, 100000, 24)


def measure(segment, **options):
    return measure_overscan(segment, DATA, SERIAL_BOX, PARALLEL_BOX, **options)


def make_profiles(*, seed=1, levels=LEVELS, parallel_loss=2e-6, **serial):
    rng = np.random.default_rng(seed)
    return [
        measure(
            make_flat_segment(
                level,
                rng=rng,
                ny=NY,
                nx=NX,
                prescan=PRESCAN,
                overscan=OVERSCAN,
                parallel=PARALLEL,
                read_noise_e=NOISE_E,
                parallel_loss=parallel_loss,
                shot_noise=False,
                **(TRUTH | serial),
            )
            + 300.0
        )
        for level in levels
    ]


@pytest.fixture(scope="module")
def profiles():
    return make_profiles()


@pytest.fixture(scope="module")
def trapped():
    return make_profiles(trap=LinearTrap(8.0, 0.001, 0.4))


def within(value, truth, error, sigmas=4.0):
    return abs(value - truth) < sigmas * error


def test_formula_is_what_moving_packets_gives():
    # One row of a flat, without noise: 1e-9 of the signal.
    signals = np.array([1e3, 1e5])
    light = np.repeat(signals[:, None], 50, axis=1)
    read = read_out(light, prescan=3, overscan=8, b=3e-5)
    columns = np.arange(1, 9)
    model = overscan_model(signals, columns, 53, global_cti=3e-5)
    assert np.allclose(read[:, 53:], model, rtol=1e-6, atol=1e-9)
    # The local offset of b = 0, and a trap that was full.
    read = read_out(light, prescan=3, overscan=8, drift=2e-4, decay=1.7)
    model = overscan_model(signals, columns, 53, drift_scale=2e-4, decay_time=1.7)
    assert np.allclose(read[:, 53:], model, rtol=1e-9)
    trap = LinearTrap(5.0, 0.1, 0.5)
    read = read_out(light, prescan=3, overscan=8, trap=trap)
    model = overscan_model(
        signals, columns, 53, trap_size_e=5.0, trap_fraction=0.1, emission_time=0.5
    )
    # The first packet after the flat meets the trap and is caught again in part.
    assert np.allclose(read[:, 53:].sum(axis=1), model.sum(axis=1), rtol=0.02)


def test_drift_and_global_loss_come_back(profiles):
    charge = fit_deferred_charge("C00", profiles)
    assert charge.valid, charge.reason
    assert within(charge.drift_scale, 2e-4, charge.drift_scale_err)
    assert within(charge.decay_time, 2.4, charge.decay_time_err)
    assert within(charge.global_cti, 1e-6, charge.global_cti_err)
    # The errors are small enough to tell the truth from zeros and starting values.
    assert not within(0.0, 2e-4, charge.drift_scale_err)
    assert not within(0.0, 1e-6, charge.global_cti_err)
    assert charge.drift_scale_err < 0.1 * 2e-4
    # χ² of 24 flats × 11 columns: 1 ± √(2/262), 5 σ.
    assert charge.drift_chi_squared == pytest.approx(1.0, abs=0.45)


def test_other_truths_come_back_too():
    # Starting values are not what comes out.
    found = fit_deferred_charge(
        "C00", make_profiles(seed=2, drift=5e-4, decay=1.5, b=3e-7)
    )
    assert within(found.drift_scale, 5e-4, found.drift_scale_err)
    assert within(found.decay_time, 1.5, found.decay_time_err)
    assert within(found.global_cti, 3e-7, found.global_cti_err)
    assert not within(found.drift_scale, 2.2e-4, found.drift_scale_err)


def test_trap_is_what_is_left_in_two_columns(trapped):
    charge = fit_deferred_charge("C00", trapped)
    assert within(charge.global_cti, 1e-6, charge.global_cti_err, 5.0)
    # Full above 8000 electrons; the error of two columns of one flat is 0.16, that of
    # b times 200 transfers of 50000 electrons as much again.
    caught = charge.trap.capture(np.array([2e4, 5e4]))
    assert np.allclose(caught, 8.0, atol=1.2)
    assert charge.trap.capture(np.array([2e3]))[0] == pytest.approx(2.0, abs=0.8)
    # E2V chips have none, and an empty one is stored.
    bare = fit_deferred_charge("C00", trapped, settings=CtiSettings(fit_trap=False))
    assert bare.trap.is_empty


def test_correction_with_the_measured_charge_empties_the_overscan(trapped):
    charge = fit_deferred_charge("C00", trapped)
    rng = np.random.default_rng(9)
    segment = make_flat_segment(
        60000,
        rng=rng,
        ny=NY,
        nx=NX,
        prescan=PRESCAN,
        overscan=OVERSCAN,
        parallel=PARALLEL,
        read_noise_e=NOISE_E,
        shot_noise=False,
        trap=LinearTrap(8.0, 0.001, 0.4),
        **TRUTH,
    )
    before, after = (
        measure(one).serial_e[:2].sum()
        for one in (segment, correct_deferred_charge(segment, charge))
    )
    assert before > 30
    assert abs(after) < 0.1 * before


def test_edge_responses_are_charge_a_transfer(profiles):
    charge = fit_deferred_charge("C00", profiles)
    # Serial: b, and the offset's first two columns over 203 transfers.
    drift = 2e-4 * (np.exp(-1 / 2.4) + np.exp(-2 / 2.4)) / 203
    assert charge.serial_eper[-1] == pytest.approx(1e-6 + drift, rel=0.02)
    # Parallel, in its own box: what was put into its first row.
    error = NOISE_E * np.sqrt(2 / NX) / (NY * LEVELS[-1])
    assert abs(charge.parallel_eper[-1] - 2e-6) < 5 * error
    without = fit_deferred_charge("C00", make_profiles(parallel_loss=0.0))
    assert abs(without.parallel_eper[-1]) < 5 * error
    with pytest.raises(ImageError, match="2 overscan columns"):
        extended_pixel_edge_response(np.ones((3, 1)), np.ones(3), 10)


def test_turnoff_is_where_the_response_runs_away():
    signals = np.linspace(1e3, 1e5, 100)
    response = np.where(signals > 8e4, 1e-6 + (signals - 8e4) * 4e-10, 1e-6)
    turnoff, error = cti_turnoff(signals, response)
    assert turnoff == pytest.approx(8e4, abs=2e3)
    assert error == pytest.approx(1e3)
    assert cti_turnoff(signals, np.full(100, 1e-4)) == (0.0, 0.0)
    assert cti_turnoff(signals[:1], response[:1]) == (1e3, 1e3)
    assert cti_turnoff(signals, np.full(100, np.nan)) == (0.0, 0.0)


def test_level_is_not_taken_where_charge_comes_out(profiles):
    # 300 electrons of level are gone; columns 4 to 10 keep their offset, of which the
    # usual fit (from column 4 on) takes some.
    brightest = profiles[-1]
    expected = 1e5 * 2e-4 * np.exp(-5 / 2.4)
    assert brightest.serial_e[4] == pytest.approx(expected, abs=0.8)
    assert abs(brightest.serial_e[25:].mean()) < 0.2
    assert brightest.signal_e == pytest.approx(1e5 * (1 + 2e-4), rel=1e-4)


def test_masked_pixels_and_dead_flats_are_left_out(profiles):
    rng = np.random.default_rng(3)
    segment = make_flat_segment(
        1e4, rng=rng, ny=NY, nx=NX, prescan=PRESCAN, overscan=OVERSCAN,
        parallel=PARALLEL, read_noise_e=NOISE_E,
    )  # fmt: skip
    mask = np.zeros(segment.shape, bool)
    mask[:40, 10:60] = True
    segment[mask] = 1e6
    assert measure(segment, mask=mask).signal_e == pytest.approx(1e4, rel=1e-3)
    with pytest.raises(ImageError, match="does not fit"):
        measure(segment, mask=mask[:5])
    spoiled = [
        dataclasses.replace(profiles[0], signal_e=np.nan),
        dataclasses.replace(profiles[0], signal_e=0.0),
        dataclasses.replace(profiles[0], serial_e=np.full(OVERSCAN, np.nan)),
    ]
    mixed = fit_deferred_charge("C00", [*spoiled, *profiles[::-1]])
    alone = fit_deferred_charge("C00", profiles)
    assert mixed.drift_scale == alone.drift_scale
    assert mixed.signals_e.size == len(profiles)
    nothing = fit_deferred_charge("C00", spoiled)
    assert not nothing.valid
    assert "no flat" in nothing.reason


def test_flats_too_bright_or_too_few_are_said(profiles):
    bright = [one for one in profiles if one.signal_e > 2e4]
    charge = fit_deferred_charge("C00", bright)
    assert charge.global_cti == 0
    assert "no flat is below 10000" in charge.reason
    few = fit_deferred_charge("C00", profiles[:1])
    assert not few.valid
    assert "fewer than 2" in few.reason


def test_narrow_overscan_is_refused():
    narrow = Box(PRESCAN + NX, 0, PRESCAN + NX + 15, NY)
    segment = np.zeros((NY + PARALLEL, PRESCAN + NX + 15))
    with pytest.raises(ImageError, match="15 columns"):
        measure_overscan(segment, DATA, narrow, PARALLEL_BOX)
