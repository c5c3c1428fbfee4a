from itertools import pairwise

from calibrations.simulation.plan import (
    FULL_SIZE,
    Night,
    ObservatoryPlan,
    list_exposures,
)


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
