from itertools import pairwise

import numpy as np
import pytest

from calibrations.simulation.plan import (
    FULL_SIZE,
    Night,
    ObservatoryPlan,
    list_exposures,
)
from calibrations.simulation.plans import PLANS
from taxicab.errors import InputError


def test_the_full_size_is_that_of_an_itl_segment():
    assert FULL_SIZE.raw_shape == (2048, 576)
    assert FULL_SIZE.detector_shape == (4000, 4072)


def test_exposures_follow_each_other_and_count_from_one_each_night():
    exposures = list_exposures(ObservatoryPlan())

    assert len(exposures) == 57
    assert len({exposure.id for exposure in exposures}) == 57
    assert exposures[0].id == 2026110900001
    assert exposures[45].id == 2026111600001
    for before, after in pairwise(exposures):
        assert (after.begin_tai - before.begin_tai).sec > before.dark_time_s


def test_one_flat_of_the_first_night_keeps_its_light_on():
    saturated = [e for e in list_exposures(ObservatoryPlan()) if e.light_ratio > 1]

    assert [(e.kind, e.day_obs, e.seq_num) for e in saturated] == [
        ("flat", 20261109, 37)
    ]
    without = ObservatoryPlan(saturated_flat=None)
    assert all(e.light_ratio == 1 for e in list_exposures(without))


def test_a_night_may_have_any_frames():
    plan = ObservatoryPlan(nights=(Night(20260101, {"dark": 2}),))

    assert [e.kind for e in list_exposures(plan)] == ["dark", "dark"]


def test_pairs_for_photon_transfer_share_their_time_and_differ_from_the_others():
    plan = ObservatoryPlan(nights=(Night(20260101, {"ptc": 100}),))
    exposures = list_exposures(plan)
    times = np.array([e.exposure_time_s for e in exposures])

    assert len(exposures) == 200
    np.testing.assert_array_equal(times[::2], times[1::2])
    # Pairs are found by time to 5 ms; levels span what was asked for.
    assert np.diff(times[::2]).min() >= 0.0199
    assert exposures[0].level_e == pytest.approx(300.0, rel=0.01)
    assert exposures[-1].level_e == pytest.approx(110000.0, rel=0.01)
    assert {e.image_type for e in exposures} == {"flat"}


def test_a_kind_may_name_its_filter():
    plan = ObservatoryPlan(nights=(Night(20260101, {"flat y_04": 1, "flat": 1}),))

    assert [e.physical_filter for e in list_exposures(plan)] == ["y_04", ""]


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="cannot have 'twilight'"):
        list_exposures(ObservatoryPlan(nights=(Night(20260101, {"twilight": 1}),)))


@pytest.mark.parametrize("name", sorted(PLANS))
def test_plans_with_a_name_have_detectors_and_exposures(name):
    plan = PLANS[name]()

    assert list_exposures(plan)
    assert len(plan.detectors) == (205 if name == "lsstcam" else 9)
