"""What is missing is told from what there cannot be."""

import pytest

from reports.domain.absences import Found, find_absences
from reports.domain.stages import plan_stages
from tests.support.evidence import GENERATION, VERIFICATION

NAMES = {0: "R22_S00", 1: "R22_S01"}
WHOLE = {
    "detector_names": NAMES,
    "combined": {0, 1},
    "residuals": {0, 1},
    "tested": {0, 1},
    "exposures": {7, 8},
    "expected_exposures": {7, 8},
    "is_certified": True,
}


def plan(calib_type="bias", *, verified=True, generated=True):
    kind = calib_type.capitalize()
    (found,) = plan_stages(
        [GENERATION.format(calib_type, "")] if generated else [],
        [VERIFICATION.format(kind, "")] if verified else [],
    )
    return found


def test_of_a_whole_part_nothing_is_absent():
    assert find_absences(plan(), Found(**WHOLE)) == []


@pytest.mark.parametrize(
    ("changes", "what", "sentence"),
    [
        ({"combined": {0}}, "combined image", "1 of 2 detectors (R22_S01) has no"),
        ({"residuals": set()}, "residual images", "has no residual images"),
        ({"residuals": {1}}, "residual images", "1 of 2 detectors (R22_S00) has no"),
        ({"tested": {1}}, "detectors", "(R22_S00) has a calibration and no result"),
        ({"exposures": {8}}, "exposures", "1 of 2 exposures (7) has no result"),
        ({"untested": ["AMP NOISE"]}, "tests", "has no result of AMP NOISE."),
        (
            {"unmeasured": {"R22_S00 C05": 6}},
            "values",
            "6 results have no number, for nothing could be measured: R22_S00 C05.",
        ),
        ({"is_certified": False}, "validity", "is not certified"),
        ({"unrecorded": ["u/nora/bias"]}, "record", "u/nora/bias"),
        ({"tested": set(), "exposures": set()}, "results", "has no result of any test"),
    ],
)
def test_what_is_expected_and_absent_is_missing(changes, what, sentence):
    (absence,) = find_absences(plan(), Found(**WHOLE | changes))
    assert (absence.what, absence.is_missing) == (what, True)
    assert sentence in absence.sentence


def test_what_was_not_verified_or_not_generated_is_missing():
    (absence,) = find_absences(plan(verified=False), Found(**WHOLE))
    assert (absence.what, absence.is_missing) == ("verification", True)
    (absence,) = find_absences(plan(generated=False), Found(**WHOLE))
    assert (absence.what, absence.is_missing) == ("calibration", True)


def test_what_cannot_be_is_not_applicable():
    """No test judges an image that only serves to find defects."""
    found = Found(**WHOLE | {"residuals": (), "tested": (), "is_certified": False})
    absences = find_absences(plan("defectDark", verified=False), found)
    assert {a.what for a in absences} == {"verification", "validity"}
    assert not any(absence.is_missing for absence in absences)

    found = Found(**WHOLE | {"residuals": (), "exposures": {0}})
    absences = find_absences(plan("ptc"), found)
    assert {a.what for a in absences} == {"combined image", "residual images"}
    assert not any(absence.is_missing for absence in absences)


def test_many_places_are_counted():
    names = {d: f"R{d:02d}_S00" for d in range(30)}
    found = Found(**WHOLE | {"detector_names": names, "combined": ()})
    missing = [a for a in find_absences(plan(), found) if a.what == "combined image"]
    assert "30 of 30 detectors" in missing[0].sentence
    assert "and 25 more" in missing[0].sentence
