"""Which waiver covers which failure, and when it lapses."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from taxicab.board.domain import (
    CoverState,
    Failure,
    GivenWaiver,
    count_in_words,
    default_allowance,
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
    holds_to=9.1,
    unit="e⁻",
    expires_on=date(2027, 5, 1),
    written_by="ines",
    ticket="TAXICAB-1",
)
BEFORE = replace(GIVEN, is_of_this_ticket=False)
MISSING = replace(NOISE, kind="missing", raft="", detector=-1, amplifier="", value=None)
GONE = replace(
    NOISE, kind="unmeasured", value=None, margin=None, tests=("AMP MEAN", "AMP NOISE")
)

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
    # It holds up to what it says, and lapses beyond that by whatever little.
    ({}, {}, WAIVED, "until 2027-05-01 up to 9.1 e⁻"),
    ({}, {"value": 9.1 * 1.03}, LAPSED, "waived before up to 9.1 e⁻, 3 % worse now"),
    ({}, {"value": 9.1001}, LAPSED, "up to 9.1 e⁻, 0.0011 % worse now"),
    ({}, {"value": 9.1 * (1 + 1e-12)}, WAIVED, "ines"),
    ({"holds_to": 9.555}, {"value": 9.5}, WAIVED, "until 2027-05-01 up to 9.555 e⁻"),
    ({"holds_to": 9.555}, {"value": 9.555}, WAIVED, "ines"),
    ({"holds_to": 9.555}, {"value": 9.56}, LAPSED, "up to 9.555 e⁻, 5.1 % worse now"),
    ({}, {"value": 9.0}, WAIVED, "ines"),
    ({}, {"value": None}, LAPSED, "not measured now"),
    ({"value": None, "holds_to": None}, {}, LAPSED, "it has a number now"),
    ({"value": None, "holds_to": None}, {"value": None}, WAIVED, "ines"),
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
    ({}, 9.1, WAIVED, "up to 9.1 e⁻, on TAXICAB-1, the same now"),
    ({}, 8.99, WAIVED, "on TAXICAB-1, 1.2 % better now"),
    ({}, 9.373, LAPSED, "waived before up to 9.1 e⁻, 3 % worse now"),
    ({"holds_to": 9.5}, 9.373, WAIVED, "on TAXICAB-1, 3 % worse now"),
    ({"is_decided": False}, 9.1, LAPSED, "which the board did not adopt"),
]


@pytest.mark.parametrize(("waiver", "value", "state", "words"), EARLIER)
def test_the_next_candidate(waiver, value, state, words):
    given = replace(BEFORE, **waiver)
    (cover,) = find_covers([replace(NOISE, value=value)], [given], today=TODAY)
    assert (cover.state, cover.waiver) == (state, given)
    assert words in cover.sentence


def test_one_that_holds_is_preferred_to_a_newer_one_that_lapsed():
    newer = replace(GIVEN, number=3, value=9.0, holds_to=9.0)
    older = replace(BEFORE, number=2, value=9.5, holds_to=9.5)
    (cover,) = find_covers([NOISE], [newer, older], today=TODAY)
    assert cover.waiver.number == 2
    (cover,) = find_covers([NOISE], [newer, replace(older, holds_to=8)], today=TODAY)
    assert (cover.state, cover.waiver.number) == (LAPSED, 3)


def test_what_is_missing_is_covered_by_what_says_so():
    wide = replace(GIVEN, kind="camera", raft="", detector=-1, amplifier="")
    for_missing = replace(wide, kind="missing", value=None, holds_to=None)
    assert find_covers([MISSING], [wide], today=TODAY)[0].state is OPEN
    assert find_covers([MISSING], [for_missing], today=TODAY)[0].state is WAIVED
    assert find_covers([NOISE], [for_missing], today=TODAY)[0].state is OPEN


@pytest.mark.parametrize(
    ("n", "state", "words"),
    [
        # Nothing at all is there, as with residual images that nobody kept.
        (None, LAPSED, "waived before for 2, and not counted now"),
        (2.0, WAIVED, "ines"),
        (3.0, LAPSED, "waived before for 2, 3 now"),
    ],
)
def test_more_that_is_missing_needs_another_waiver(n, state, words):
    given = replace(BEFORE, level="", test="exposures", kind="missing", detector=-1)
    given = replace(given, raft="", amplifier="", value=2.0, holds_to=2.0)
    absent = replace(MISSING, level="", test="exposures", value=n)
    (cover,) = find_covers([absent], [given], today=TODAY)
    assert (cover.state, words in cover.sentence) == (state, True)
    # What was waived without a number was waived whole.
    whole = replace(given, value=None, holds_to=None)
    assert find_covers([absent], [whole], today=TODAY)[0].state is WAIVED


@pytest.mark.parametrize(
    ("tests", "state", "words"),
    [
        (("AMP MEAN", "AMP NOISE"), WAIVED, "waived by ines"),
        (("AMP NOISE",), WAIVED, "waived by ines"),
        (
            ("AMP CR_NOISE", "AMP NOISE"),
            LAPSED,
            "waived before, and AMP CR_NOISE not measured now either",
        ),
        (
            ("AMP A", "AMP B", "AMP NOISE"),
            LAPSED,
            "and AMP A and 1 more not measured now either",
        ),
    ],
)
def test_what_has_no_number_is_waived_test_by_test(tests, state, words):
    given = replace(GIVEN, kind="unmeasured", tests=GONE.tests, value=None)
    given = replace(given, holds_to=None, test="MEAN")  # the first stands for all
    (cover,) = find_covers([replace(GONE, tests=tests)], [given], today=TODAY)
    assert (cover.state, words in cover.sentence) == (state, True)
    # It is no waiver of a number, nor the other way round.
    assert find_covers([NOISE], [given], today=TODAY)[0].state is OPEN
    assert find_covers([GONE], [GIVEN], today=TODAY)[0].state is OPEN


def test_an_allowance_is_the_scatter_over_exposures():
    random = np.random.default_rng(5)
    values = list(random.normal(9.0, 0.1, 400))
    # Of 400 values the robust scatter is known to 6 % of itself.
    assert default_allowance(9.4, values) == pytest.approx(0.3, rel=0.2)
    # One saturated exposure does not widen it.
    assert default_allowance(50.0, [*values, 50.0]) < 0.4


@pytest.mark.parametrize("values", [[], [9.0, 9.1, 9.2], [9.0] * 9])
def test_without_a_scatter_the_allowance_is_a_share(values):
    assert default_allowance(9.0, values) == pytest.approx(0.45)
    assert default_allowance(-9.0, values) == pytest.approx(0.45)


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


ABSENT = {
    "what": "exposures",
    "is_missing": True,
    "n": 2,
    "sentence": "2 of 9 have no.",
}


def test_what_was_expected_and_is_absent_needs_a_waiver():
    told = [
        ABSENT,
        ABSENT | {"what": "residual images", "is_missing": False},
        # These are failures of their own: a test each, and what has no number.
        ABSENT | {"what": "tests"},
        ABSENT | {"what": "values"},
    ]
    (failure,) = find_failures(stage(absences=told))
    assert failure.sentence == "flat-r exposures, 2 of 9 have no"
    assert (failure.kind, failure.value, failure.text) == ("missing", 2.0, "missing")
    assert not failure.is_measured


def test_what_is_wholly_absent_is_said_once():
    whole = "flatGen-r was not verified."
    told = [ABSENT | {"what": "verification", "sentence": whole}]
    line = {"level": "DET", "test": "GRADIENT", "is_advisory": False}
    missing = [line | {"verdict": "missing"}]
    assert len(find_failures(stage(missing=whole, absences=told, lines=missing))) == 1
    told = [ABSENT | {"what": "results", "sentence": "Nothing.", "n": 0}]
    (failure,) = find_failures(stage(absences=told, lines=missing))
    assert (failure.test, failure.value) == ("results", None)


def test_a_value_without_a_limit_is_not_measured():
    cluster = make.make_cluster(value=114514.0) | {"is_measured": False}
    cluster["worst"] |= {"limit": None, "margin": None, "text": "not measured"}
    (failure,) = find_failures(stage(clusters=[cluster]))
    assert not failure.is_measured
    gone = cluster | {"kind": "unmeasured", "tests": ["AMP MAX", "AMP MIN"]}
    (failure,) = find_failures(stage(clusters=[gone]))
    assert (failure.value, failure.limit, failure.is_measured) == (None, None, False)


def test_failures_stand_worst_first():
    bad = make.make_cluster(value=16.0, detector=1)
    less = make.make_cluster(value=9.0, detector=2)
    gone = make.make_cluster(value=None, kind="unmeasured", detector=3)
    gone |= {"tests": ["AMP MEAN", "AMP NOISE"], "is_measured": False}
    line = {"level": "AMP", "test": "MEAN", "is_advisory": False, "verdict": "missing"}
    stages = [
        *stage(clusters=[gone, less], lines=[line], absences=[ABSENT])["stages"],
        *stage(key="dark", clusters=[bad])["stages"],
        *stage(key="bias", missing="biasGen was not verified.")["stages"],
    ]
    failures = find_failures({"stages": stages})
    assert [failure.name for failure in failures] == [
        "bias",
        "dark AMP NOISE",
        "flat-r AMP NOISE",
        "flat-r AMP MEAN",
        "flat-r 2 tests not measured",
        "flat-r exposures",
    ]
    assert count_in_words(failures) == "3 failures and 3 things missing"
    assert count_in_words([]) == "no failure"


def test_a_report_without_tables_has_no_failures():
    assert find_failures({}) == []
