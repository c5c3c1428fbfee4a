import dataclasses

import numpy as np
import pytest

from calibrations.domain.criteria import evaluate_all
from calibrations.imaging.cti import DeferredCharge
from calibrations.imaging.cti_checks import residual_cti
from calibrations.imaging.cti_overscan import OverscanProfile

COLUMNS = np.arange(1, 41)
LEVELS = np.geomspace(1000, 1e5, 12)
CHARGE = DeferredCharge(
    "C00", drift_scale=2e-4, drift_scale_err=2e-6, global_cti=5e-7,
    serial_turnoff_e=2e5,
)  # fmt: skip


def profiles(drift=0.0, edge=0.0, seed=1):
    """Make overscans with a local offset and a response of the first two columns."""
    rng = np.random.default_rng(seed)
    flats = []
    for level in LEVELS:
        serial = drift * level * np.exp(-COLUMNS / 2.4)
        serial[:2] += 0.5 * edge * 500 * level
        flats.append(
            OverscanProfile(
                signal_e=level,
                last_column_e=level,
                serial_e=serial + rng.normal(0, 0.1, COLUMNS.size),
                serial_err_e=np.full(COLUMNS.size, 0.1),
                parallel_e=rng.normal(0, 0.1, 10),
                n_serial=500,
                n_parallel=2000,
            )
        )
    return flats


def failed(flats, charge=CHARGE):
    numbers = residual_cti(flats, charge)
    found = evaluate_all("CTI", "AMP", numbers)
    return {one.criterion.test for one in found if not one.passed}


def test_clean_overscans_pass():
    numbers = residual_cti(profiles(), CHARGE)
    assert abs(numbers["SERIAL_EPER"]) < 5 * numbers["SERIAL_EPER_ERR"]
    assert abs(numbers["DRIFT_RESIDUAL"]) < 5 * numbers["DRIFT_RESIDUAL_ERR"]
    assert failed(profiles()) == set()


def test_what_is_left_is_found():
    numbers = residual_cti(profiles(drift=1e-4), CHARGE)
    assert numbers["DRIFT_RESIDUAL"] == pytest.approx(1e-4, rel=0.05)
    assert "DRIFT_RESIDUAL" in failed(profiles(drift=1e-4))
    # Too much of a correction is no better.
    assert "DRIFT_RESIDUAL" in failed(profiles(drift=-1e-4))
    assert residual_cti(profiles(edge=3e-6), CHARGE)["SERIAL_EPER"] == pytest.approx(
        3e-6, rel=0.05
    )
    assert failed(profiles(edge=3e-6)) == {"SERIAL_EPER"}


def test_large_loss_fails():
    lossy = dataclasses.replace(CHARGE, global_cti=1e-5)
    assert failed(profiles(), lossy) == {"GLOBAL_CTI"}


def test_what_was_not_measured_fails():
    dead = dataclasses.replace(CHARGE, valid=False, reason="dead")
    assert residual_cti(profiles(), dead) == {"FORCE_FAILURE": 1.0}
    assert "PROCESSING" in failed(profiles(), dead)
    assert "PROCESSING" in failed([])
