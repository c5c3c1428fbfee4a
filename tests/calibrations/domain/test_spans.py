"""How long a calibration holds, by its tests on other exposures."""

import itertools
import random

import pytest

from calibrations.domain.spans import Outcome, common_span, find_spans

OWN = [1, 2, 3]
BEFORE, AFTER = [-2, -1], [11, 12, 13]


def begin(exposure):
    """Exposures of November 2026, one a day, in order of their numbers."""
    return f"2026-11-{exposure + 5:02d}T20:00:00"


BEGINS = {one: begin(one) for one in (*BEFORE, *OWN, *AFTER)}


def outcomes(failing=(), *, test="NOISE", exposures=BEGINS, places=("C00", "C01")):
    """Every place passes but those named as ``(exposure, amplifier)``."""
    return [
        Outcome(e, 4, place, test, (e, place) not in failing)
        for e, place in itertools.product(exposures, places)
    ]


def span(failing=(), **options):
    (found,) = find_spans(outcomes(failing, **options), BEGINS, OWN)
    return found


def test_what_never_fails_has_no_end():
    found = span()
    assert (found.begin_tai, found.end_tai, found.ended_by) == (None, None, None)
    assert (found.first_tai, found.last_tai) == (begin(-2), begin(13))
    assert (found.n_exposures, found.n_left_out) == (5, 0)


def test_the_first_exposure_that_fails_ends_it():
    found = span({(12, "C01"), (13, "C01")})
    # Half-open: the range ends where that exposure begins, so that it is not in it.
    assert (found.end_tai, found.ended_by) == (begin(12), 12)
    assert found.last_tai == begin(11)


def test_it_does_not_begin_again_after_it_ended():
    found = span({(11, "C00")})
    assert (found.end_tai, found.last_tai) == (begin(11), begin(3))


def test_the_last_exposure_that_fails_before_begins_it():
    found = span({(-2, "C00")})
    assert (found.begin_tai, found.begun_after) == (begin(-1), -2)
    found = span({(-1, "C00")})
    assert (found.begin_tai, found.begun_after) == (begin(1), -1)


def test_a_place_that_fails_from_the_start_does_not_tell():
    # A noisy amplifier fails on every exposure: the others say how long it holds.
    noisy = {(e, "C00") for e in BEGINS}
    found = span(noisy)
    assert (found.end_tai, found.n_left_out) == (None, 1)
    found = span(noisy | {(13, "C01")})
    assert (found.ended_by, found.n_left_out) == (13, 1)
    # Even one bad construction exposure speaks against it.
    assert span({(2, "C00"), (11, "C00")}).end_tai is None


def test_an_exposure_of_the_same_night_may_end_it():
    begins = {**BEGINS, 9: "2026-11-07T21:00:00"}  # between the second and the third
    rows = outcomes({(9, "C00")}, exposures=begins)
    (found,) = find_spans(rows, begins, OWN)
    assert (found.end_tai, found.ended_by) == ("2026-11-07T21:00:00", 9)


def test_nothing_is_said_without_other_exposures():
    assert find_spans(outcomes(exposures=OWN), BEGINS, OWN) == []
    assert find_spans([], BEGINS, OWN) == []
    assert find_spans(outcomes(), BEGINS, []) == []
    assert common_span([]) is None


def test_tests_of_the_calibration_itself_are_left_out():
    # Exposure 0 has no date.
    assert find_spans(outcomes(exposures=[0]), BEGINS, OWN) == []


def test_what_fails_at_the_very_first_exposure_has_no_span():
    begins = {1: begin(1), 2: begin(1)}
    rows = [Outcome(1, 4, "C00", "NOISE", True), Outcome(2, 4, "C00", "NOISE", False)]
    assert find_spans(rows, begins, [1]) == []


def test_the_order_of_rows_does_not_matter():
    rows = outcomes({(12, "C01"), (-2, "C00"), (3, "C00")})
    expected = find_spans(rows, BEGINS, OWN)
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert find_spans(rows, BEGINS, OWN) == expected


def test_all_tests_together_hold_where_each_does():
    rows = [
        *outcomes({(13, "C00")}, test="MEAN"),
        *outcomes({(12, "C01")}, test="NOISE"),
        *outcomes({(-2, "C00")}, test="CR_NOISE"),
    ]
    spans = find_spans(rows, BEGINS, OWN)
    assert [one.test for one in spans] == ["CR_NOISE", "MEAN", "NOISE"]
    found = common_span(spans)
    assert (found.begin_tai, found.begun_after) == (begin(-1), -2)
    assert (found.end_tai, found.ended_by, found.test) == (begin(12), 12, "NOISE")
    assert (found.first_tai, found.last_tai) == (begin(-1), begin(11))


@pytest.mark.parametrize("spelling", ["2026-11-16T20:00:00.000", "2026-11-16 20:00"])
def test_dates_are_compared_however_they_are_spelled(spelling):
    begins = {**BEGINS, 11: spelling}
    (found,) = find_spans(outcomes({(11, "C00")}), begins, OWN)
    assert found.end_tai == "2026-11-16T20:00:00"
