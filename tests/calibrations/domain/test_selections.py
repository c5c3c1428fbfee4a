"""What the inputs of a type must be."""

import pytest

from calibrations.domain.selections import find_problems, night_begin_tai, rule_for


def make_exposures(kind, n=15, **changes):
    return [
        {
            "id": 2026110900001 + i,
            "observation_type": kind,
            "observation_reason": kind,
            "physical_filter": "r_03",
            "n_detectors": 9,
        }
        | changes
        for i in range(n)
    ]


def codes(calib_type, exposures, **options):
    return [p.code for p in find_problems(calib_type, exposures, **options)]


def test_what_fits_has_no_problems():
    assert codes("bias", make_exposures("bias")) == []
    assert codes("flat", make_exposures("flat"), physical_filter="r_03") == []


@pytest.mark.parametrize("calib_type", ["fringe", "crosstalk"])
def test_some_types_take_science_exposures(calib_type):
    taken = make_exposures("science", observation_reason="sitcom-1")
    assert codes(calib_type, taken, physical_filter="r_03") == []
    assert codes(calib_type, make_exposures("flat"), physical_filter="r_03") == [
        "observation_type"
    ]


def test_each_mismatch_is_named():
    mixed = make_exposures("bias", 9) + make_exposures("dark", 1)
    type_, reason = find_problems("bias", mixed)
    assert type_.sentence == (
        "1 of 10 exposures have another observation_type than a bias takes ('bias'): "
        "'dark' (1); exposures 2026110900001."
    )
    assert reason.code == "observation_reason"
    # A photon transfer curve's flats are of another reason.
    ptc = make_exposures("flat", observation_reason="comcam_ptc")
    assert codes("flat", ptc, physical_filter="r_03") == ["observation_reason"]
    other = make_exposures("flat", physical_filter="g_01")
    assert codes("flat", other, physical_filter="r_03") == ["physical_filter"]


def test_numbers_count_for_construction_alone():
    few = make_exposures("dark", 4)
    (problem,) = find_problems("dark", few)
    assert problem.sentence == "4 exposures were found, a dark takes at least 10."
    assert codes("dark", few, is_construction=False) == []
    assert codes("dark", [], is_construction=False) == ["empty"]


def test_exposures_that_lack_detectors_are_named():
    exposures = make_exposures("bias")
    exposures[3]["n_detectors"] = 8
    (problem,) = find_problems("bias", exposures)
    assert problem.code == "incomplete"


def test_a_type_without_a_rule():
    with pytest.raises(LookupError, match="there are rules for bias, dark, flat"):
        rule_for("brighterFatter")


def test_a_night_begins_at_noon():
    assert night_begin_tai(20261109) == "2026-11-09T12:00:00"
