"""Which waiver covers which failure, and when it lapses."""

from dataclasses import replace
from datetime import date

import pytest

from taxicab.board.domain import (
    CoverState,
    Failure,
    GivenWaiver,
    find_covers,
    find_failures,
    show_change,
)
from tests.support import board as make

TODAY = date(2026, 11, 24)
WAIVED, LAPSED, OPEN = CoverState

NOISE = Failure(
    part="flat-r",
    calib_type="flat",
    physical_filter="r_03",
    level="AMP",
    test="NOISE",
    kind="amplifier",
    raft="R22",
    detector=4,
    amplifier="C05",
    exposure=0,
    place="R22_S11 C05: 19 of 19 exposures",
    value=9.1,
    limit=8.98,
    unit="e⁻",
    margin=0.0134,
    text="9.1 e⁻, limit 8.98 e⁻",
    n_failed=19,
    n_results=19,
)
GIVEN = GivenWaiver(
    number=1,
    calib_type="flat",
    physical_filter="r_03",
    level="AMP",
    test="NOISE",
    kind="amplifier",
    raft="R22",
    detector=4,
    amplifier="C05",
    exposure=0,
    value=9.1,
    expires_on=date(2027, 5, 1),
    written_by="ines",
    ticket="TAXICAB-1",
)
BEFORE = replace(GIVEN, is_of_this_ticket=False)
MISSING = replace(NOISE, kind="missing", raft="", detector=-1, amplifier="", value=None)

# what differs in the waiver, in the failure → state, words
TABLE = [
    ({}, {}, WAIVED, "waived by ines until 2027-05-01"),
    # A wider scope covers a narrower failure, never the other way round.
    ({"amplifier": "", "kind": "detector"}, {}, WAIVED, "ines"),
    ({"amplifier": "", "detector": -1, "kind": "raft"}, {}, WAIVED, "ines"),
    ({"raft": "", "detector": -1, "amplifier": ""}, {}, WAIVED, "ines"),
    ({}, {"amplifier": "", "kind": "detector"}, OPEN, "no waiver"),
    ({"exposure": 2026110900004}, {}, OPEN, "no waiver"),
    ({"exposure": 3}, {"exposure": 3}, WAIVED, "ines"),
    # Another place, test, filter, type or level is another failure.
    ({"amplifier": "C06"}, {}, OPEN, "no waiver"),
    ({"detector": 5}, {}, OPEN, "no waiver"),
    ({"raft": "R21"}, {}, OPEN, "no waiver"),
    ({"test": "MEAN"}, {}, OPEN, "no waiver"),
    ({"level": "DET"}, {}, OPEN, "no waiver"),
    ({"physical_filter": "i_06"}, {}, OPEN, "no waiver"),
    ({"calib_type": "dark"}, {}, OPEN, "no waiver"),
    # It lapses when the value gets worse, by whatever little.
    ({}, {"value": 9.1 * 1.03}, LAPSED, "waived before, 3 % worse now"),
    ({}, {"value": 9.1001}, LAPSED, "waived before, 0.0011 % worse now"),
    ({}, {"value": 9.1 * (1 + 1e-12)}, WAIVED, "ines"),
    ({}, {"value": 9.0}, WAIVED, "ines"),
    ({}, {"value": None}, LAPSED, "not measured now"),
    ({"value": None}, {}, LAPSED, "it has a number now"),
    ({"value": None}, {"value": None}, WAIVED, "ines"),
    # The last day is the one it expires on.
    ({"expires_on": TODAY}, {}, WAIVED, "ines"),
    ({"expires_on": date(2026, 11, 23)}, {}, LAPSED, "expired on 2026-11-23"),
    ({"is_withdrawn": True}, {}, OPEN, "no waiver"),
    ({"is_by_author": True}, {}, LAPSED, "who has a part in this set"),
]


@pytest.mark.parametrize(("waiver", "failure", "state", "words"), TABLE)
def test_a_waiver_and_a_failure(waiver, failure, state, words):
    given, failed = replace(GIVEN, **waiver), replace(NOISE, **failure)
    (cover,) = find_covers([failed], [given], today=TODAY)
    assert cover.state is state
    assert words in cover.sentence
    assert cover.state.is_covered is (state is WAIVED)


# How a waiver of an earlier ticket is shown on the next candidate.
EARLIER = [
    ({}, 9.1, WAIVED, "until 2027-05-01 on TAXICAB-1, the same now"),
    ({}, 8.99, WAIVED, "on TAXICAB-1, 1.2 % better now"),
    ({}, 9.373, LAPSED, "waived before, 3 % worse now"),
    ({"is_decided": False}, 9.1, LAPSED, "which the board did not adopt"),
]


@pytest.mark.parametrize(("waiver", "value", "state", "words"), EARLIER)
def test_the_next_candidate(waiver, value, state, words):
    given = replace(BEFORE, **waiver)
    (cover,) = find_covers([replace(NOISE, value=value)], [given], today=TODAY)
    assert (cover.state, cover.waiver) == (state, given)
    assert words in cover.sentence


def test_one_that_holds_is_preferred_to_a_newer_one_that_lapsed():
    newer = replace(GIVEN, number=3, value=9.0)
    older = replace(BEFORE, number=2, value=9.5)
    (cover,) = find_covers([NOISE], [newer, older], today=TODAY)
    assert cover.waiver.number == 2
    (cover,) = find_covers([NOISE], [newer, replace(older, value=8)], today=TODAY)
    assert (cover.state, cover.waiver.number) == (LAPSED, 3)


def test_what_is_missing_is_covered_by_what_says_so():
    wide = replace(GIVEN, kind="camera", raft="", detector=-1, amplifier="")
    for_missing = replace(wide, kind="missing", value=None)
    assert find_covers([MISSING], [wide], today=TODAY)[0].state is OPEN
    assert find_covers([MISSING], [for_missing], today=TODAY)[0].state is WAIVED
    assert find_covers([NOISE], [for_missing], today=TODAY)[0].state is OPEN


def test_a_waiver_covers_each_failure_by_itself():
    others = [replace(NOISE, detector=n) for n in (4, 5)]
    covers = find_covers(others, [GIVEN], today=TODAY)
    assert [cover.state for cover in covers] == [WAIVED, OPEN]


@pytest.mark.parametrize(
    ("now", "then", "words"),
    [
        (9.1, 9.1, "the same now"),
        (103.0, 100.0, "3 % worse now"),
        (150.0, 100.0, "50 % worse now"),
        (99.9, 100.0, "0.1 % better now"),
        (0.2, 0.0, "0.2 from 0, worse now"),
        (-1.0, -2.0, "50 % worse now"),
    ],
)
def test_changes_in_words(now, then, words):
    assert show_change(now, then) == words


# --- Failures as a report's tables tell them ----------------------------------------


def stage(**changes):
    values = {
        "key": "flat-r",
        "calib_type": "flat",
        "missing": "",
        "lines": [],
        "clusters": [],
    }
    return {"stages": [values | changes]}


def test_failures_are_the_clusters_that_decide():
    clusters = [make.make_cluster(), make.make_cluster(is_advisory=True, detector=5)]
    (failure,) = find_failures(stage(clusters=clusters), filters={"flat-r": "r_03"})
    assert failure.key == "flat-r:AMP:NOISE:amplifier:R22:4:C05:0"
    assert (failure.physical_filter, failure.value) == ("r_03", 9.1)
    assert failure.sentence == "flat-r AMP NOISE, R22_S11 C05: 3 of 9 exposures"


def test_what_was_not_verified_fails_too():
    (failure,) = find_failures(stage(missing="flatGen-r was not verified."))
    assert (failure.kind, failure.test) == ("missing", "")
    line = {"level": "DET", "test": "GRADIENT", "is_advisory": False}
    missing, passed = line | {"verdict": "missing"}, line | {"verdict": "passed"}
    advisory = missing | {"is_advisory": True}
    (failure,) = find_failures(stage(lines=[missing, passed, advisory]))
    assert failure.sentence == "flat-r DET GRADIENT, no result"
    # A type that was not verified at all is one failure, not one a test.
    assert len(find_failures(stage(missing="Nothing.", lines=[missing]))) == 1


def test_a_report_without_tables_has_no_failures():
    assert find_failures({}) == []
