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


def make_pairs(times, **changes):
    """Two flats of each exposure time, in seconds."""
    return [
        one | {"id": 2026110900001 + n, "exposure_time_s": time} | changes
        for n, (one, time) in enumerate(
            zip(
                make_exposures("flat", 2 * len(times), observation_reason="ptc"),
                [time for time in times for _ in range(2)],
                strict=True,
            )
        )
    ]


def test_a_photon_transfer_curve_takes_pairs():
    times = [0.5 * n for n in range(1, 21)]
    taken = make_pairs(times)
    assert codes("ptc", taken) == []
    # The order in which they were taken does not matter, and the shutter's
    # reproducibility neither.
    taken[7]["exposure_time_s"] += 0.004
    assert codes("ptc", taken[::-1]) == []
    # A pair that is split leaves two alone.
    taken[9]["exposure_time_s"] += 0.1
    (problem,) = find_problems("ptc", taken)
    assert problem.code == "pairs"
    assert "2 have no partner: 2026110900009, 2026110900010" in problem.sentence
    (problem,) = find_problems("linearizer", [*make_pairs(times), taken[0]])
    assert "an odd number, 1 have no partner" in problem.sentence


def test_too_few_pairs_are_counted_as_pairs():
    (problem,) = find_problems("ptc", make_pairs([1.0, 2.0, 3.0]))
    assert problem.sentence == (
        "6 exposures make 3 pairs, a ptc takes at least 20 pairs."
    )
    assert codes("ptc", make_pairs([1.0]), is_construction=False) == []


@pytest.mark.parametrize("reason", ["ptc", "comcam_ptc", "lsstcam_ptc", "latiss_ptc"])
def test_each_camera_has_its_word_for_the_flats_of_a_ptc(reason):
    taken = make_pairs([float(n) for n in range(1, 21)], observation_reason=reason)
    for calib_type in ("ptc", "linearizer", "bfk", "cti"):
        assert codes(calib_type, taken) == []
    plain = make_pairs([float(n) for n in range(1, 21)], observation_reason="flat")
    assert codes("ptc", plain) == ["observation_reason"]


@pytest.mark.parametrize(
    ("calib_type", "kind"),
    [
        ("biasBootstrap", "bias"),
        ("darkBootstrap", "dark"),
        ("dark_for_defects", "dark"),
    ],
)
def test_what_serves_to_make_others_takes_the_same_frames(calib_type, kind):
    assert codes(calib_type, make_exposures(kind)) == []
    assert codes(calib_type, make_exposures("science")) == [
        "observation_type",
        "observation_reason",
    ]


def test_one_flat_says_for_which_date_defects_are_found():
    assert codes("defects", make_exposures("flat", 1)) == []


def test_exposures_that_lack_detectors_are_named():
    exposures = make_exposures("bias")
    exposures[3]["n_detectors"] = 8
    (problem,) = find_problems("bias", exposures)
    assert problem.code == "incomplete"


def test_a_type_without_a_rule():
    with pytest.raises(LookupError, match="there are rules for biasBootstrap"):
        rule_for("brighterFatter")


def test_a_night_begins_at_noon():
    assert night_begin_tai(20261109) == "2026-11-09T12:00:00"
