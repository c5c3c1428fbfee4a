import json

import numpy as np
import pytest

from calibrations.simulation.observatory import simulate_observatory
from calibrations.simulation.photodiode import CHARGE_PER_ELECTRON_C, DARK_CURRENT_A
from tests.support.observatory import small_plan


def test_readings_add_up_to_the_charge_on_file(tmp_path):
    plan = small_plan(
        detectors=(0,), frames=(2, 1), kinds=("bias", "ptc"), photodiode=True
    )
    observatory = simulate_observatory(tmp_path, plan)
    exposures = json.loads((observatory.truth / "plan.json").read_text())["exposures"]
    flats = [one for one in exposures if one["kind"] == "ptc"]

    assert len(observatory.photodiode) == len(flats) == 6
    for path, flat in zip(observatory.photodiode, flats, strict=True):
        seq_num = flat["id"] % 100000
        assert path.name == f"Photodiode_Readings_20261109_{seq_num:06d}.txt" or (
            path.name == f"Photodiode_Readings_20261116_{seq_num:06d}.txt"
        )
        time, current = np.loadtxt(path).T
        dark = DARK_CURRENT_A * time[-1]
        charge = np.trapezoid(current, time) - dark
        # Digits of the file, and the scatter of the dark current.
        step = time[1] - time[0]
        error = 0.3 * DARK_CURRENT_A * step * np.sqrt(time.size)
        assert charge == pytest.approx(flat["photodiode_c"], rel=2e-6, abs=5 * error)
        # The diode's own error is there, and small.
        light = flat["photodiode_c"] / CHARGE_PER_ELECTRON_C
        assert 0 < abs(light / flat["light_e"] - 1) < 6 * plan.photodiode_noise


def test_no_readings_are_written_unless_asked_for(tmp_path):
    plan = small_plan(detectors=(0,), frames=(1, 1), kinds=("flat",))

    assert simulate_observatory(tmp_path, plan).photodiode == []
    assert not (tmp_path / "photodiode").exists()
