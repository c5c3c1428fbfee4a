"""A night with everything in it is taken in like a real one."""

import json
from collections import Counter

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.butler.companion_files import read_companion
from calibrations.imaging.photodiode import (
    IntegrationMethod,
    PhotodiodeReadings,
    integrate_charge,
)
from tests.support.observatory import EVERY_KIND


def test_all_kinds_are_ingested_under_their_type_and_reason(every_kind_template):
    with Butler.from_config(str(every_kind_template.repository)) as butler:
        records = butler.query_dimension_records("exposure", instrument="LSSTComCam")
    found = Counter((r.observation_type, r.observation_reason) for r in records)

    assert found == {
        ("bias", "bias"): EVERY_KIND["bias"],
        ("dark", "dark"): EVERY_KIND["dark"],
        ("flat", "flat"): EVERY_KIND["flat"],
        ("flat", "ptc"): 2 * EVERY_KIND["ptc"],
        ("science", "science"): EVERY_KIND["science"],
    }


def test_the_diode_tells_the_light_of_every_flat(every_kind_template):
    folder = every_kind_template.folder / "photodiode"
    paths = sorted(folder.rglob("Photodiode_Readings_*.txt"))
    exposures = json.loads(
        (every_kind_template.folder / "truth" / "plan.json").read_text()
    )["exposures"]
    flats = [one for one in exposures if "photodiode_c" in one]

    assert len(paths) == len(flats) == EVERY_KIND["flat"] + 2 * EVERY_KIND["ptc"]
    for path, flat in zip(paths, flats, strict=True):
        companion = read_companion(path)
        assert companion.day_obs * 100000 + companion.seq_num == flat["id"]
        readings = PhotodiodeReadings.from_table(companion.table)
        charge = integrate_charge(readings, IntegrationMethod.TRIMMED_SUM)
        # Upstream's baseline, from the dark readings, is known to 0.3 / √36 of it.
        baseline = 0.3 * 1e-13 / np.sqrt(36) * readings.time_s[-1]
        step = readings.time_s[1]
        scatter = 0.3 * 1e-13 * step * np.sqrt(readings.time_s.size)
        assert charge == pytest.approx(
            flat["photodiode_c"], rel=1e-5, abs=5 * np.hypot(baseline, scatter)
        )
