"""Linearizer and deferred charge: what is left after the correction is the noise."""

import dataclasses

import numpy as np
import pytest

from benchmarks.recovery_data import CTI, GAIN, READ_NOISE_E, SMALL, Bench
from benchmarks.recovery_runs import (
    AMPLIFIER,
    fit_linearizer,
    linearity_residual,
)
from calibrations.imaging.cti import (
    DeferredCharge,
    SerialTrap,
    correct_deferred_charge,
)
from calibrations.imaging.cti_fits import fit_deferred_charge
from calibrations.imaging.linearity import LinearityType, Linearizer

LEVEL_E = 60000.0
N_FRAMES = 20


def check_linearity(linearizer):
    """Within 0.1 % from 1000 to 100 000 electrons.

    The diode's error is 2e-4, the flats' own 2e-4 where they are faintest: four pairs
    to a knot leave 1.5e-4, of which the largest of a few hundred places is 4 σ.
    """
    assert linearity_residual(linearizer) < 0.001


def test_a_measured_linearizer_straightens_the_true_curve(flats):
    linearizer = fit_linearizer(flats)
    check_linearity(linearizer)

    zeros = np.array(linearizer.coeffs)
    zeros[zeros.size // 2 :] = 0.0
    upside_down = np.array(linearizer.coeffs)
    upside_down[zeros.size // 2 :] *= -1.0
    for wrong in (
        Linearizer(AMPLIFIER, LinearityType.NONE),
        dataclasses.replace(linearizer, coeffs=zeros),
        dataclasses.replace(linearizer, coeffs=upside_down),
        # The vendor's nominal term, half of the true one.
        Linearizer(AMPLIFIER, LinearityType.SQUARED, coeffs=np.array([6e-8])),
    ):
        with pytest.raises(AssertionError):
            check_linearity(wrong)


@pytest.fixture(scope="module")
def charge(flats):
    return fit_deferred_charge(AMPLIFIER, flats.profiles)


@pytest.fixture(scope="module")
def segments():
    """Flats that took no part in the fit, electrons, level subtracted."""
    bench = Bench(SMALL, 77)
    frames = []
    for number in range(N_FRAMES):
        rng = bench.rng(number)
        light = np.full((SMALL.data_rows, SMALL.data_columns), LEVEL_E, np.float32)
        adu = bench.read(rng, bench.expose(rng, light), with_cti=True)
        far = np.median(adu[:, bench.serial_overscan.x0 + 20 :])
        frames.append((adu - far) * np.float32(GAIN))
    return frames


def check_tail(segments, charge):
    """After correction the first overscan columns are empty.

    Each column is the mean of 3200 pixels. The fit had 40 flats of 160 rows, of which
    the bright half tells most: its own error of a column is about the same again.
    """
    first = SMALL.data_box.x1
    rows = slice(0, SMALL.data_rows)
    left = np.mean(
        [
            correct_deferred_charge(frame, charge)[rows, first : first + 6].mean(axis=0)
            for frame in segments
        ],
        axis=0,
    )
    error = READ_NOISE_E / np.sqrt(N_FRAMES * SMALL.data_rows)
    assert np.all(np.abs(left) < 5 * np.sqrt(2) * error)


def test_deferred_charge_is_put_back(segments, charge):
    assert charge.valid
    check_tail(segments, charge)

    nothing = DeferredCharge(AMPLIFIER)
    for wrong in (
        nothing,
        # Upstream's starting values, and a fit that knows no trap.
        dataclasses.replace(nothing, drift_scale=2.2e-4, decay_time=2.4),
        dataclasses.replace(charge, trap=SerialTrap()),
        dataclasses.replace(charge, drift_scale=0.0),
    ):
        with pytest.raises(AssertionError):
            check_tail(segments, wrong)


@pytest.mark.parametrize("name", ["drift_scale", "decay_time"])
def test_drift_is_recovered_within_its_own_error(charge, name):
    measured, error = getattr(charge, name), getattr(charge, f"{name}_err")

    assert 0 < error < 0.15 * CTI[name]
    assert abs(measured - CTI[name]) < 4 * error
    assert measured > 4 * error
