"""What is found when, by tables: gaps, shadows, and what a prepended set changes."""

import pytest

from calibrations.domain.timelines import (
    Certified,
    Change,
    find_serving,
    lay_out,
)

A, B, C, D = (f"2026-0{month}-01T12:00:00" for month in (1, 2, 3, 4))


def row(collection, begin=None, end=None, *, detectors=(0, 1), type="bias", filter=""):
    return Certified(
        type, filter, begin, end, collection, f"{collection}Gen", detectors
    )


def told(lane):
    """Begin, end, and for each outcome what is found now and then."""
    return [
        (s.begin, s.end, [(o.now, o.then) for o in s.outcomes]) for s in lane.stretches
    ]


def test_a_prepended_set_replaces_within_its_range_alone():
    old, new = row("old", A), row("new", B, C)
    (lane,) = lay_out([old], [new, old])
    assert told(lane) == [
        (None, A, [("", "")]),
        (A, B, [("old", "old")]),
        (B, C, [("old", "new")]),
        (C, None, [("old", "old")]),
    ]
    changes = [s.outcomes[0].change for s in lane.stretches]
    assert changes == [Change.GAP, Change.SAME, Change.REPLACED, Change.SAME]
    assert [s.is_changed for s in lane.stretches] == [False, False, True, False]
    assert [s.shadowed for s in lane.stretches] == [(), (), ("old",), ()]


def test_an_appended_set_is_shadowed_and_fills_gaps():
    old, new = row("old", B, C), row("new", A, D)
    (lane,) = lay_out([old], [old, new])
    assert told(lane) == [
        (None, A, [("", "")]),
        (A, B, [("", "new")]),
        (B, C, [("old", "old")]),
        (C, D, [("", "new")]),
        (D, None, [("", "")]),
    ]
    assert lane.stretches[1].outcomes[0].change is Change.FILLED
    assert lane.stretches[2].shadowed == ("new",)


def test_what_is_taken_away_is_lost():
    (lane,) = lay_out([row("old")], [row("old", B)])
    assert told(lane) == [(None, B, [("old", "")]), (B, None, [("old", "old")])]
    assert lane.stretches[0].outcomes[0].change is Change.LOST


def test_detectors_may_find_different_things():
    old, new = row("old", detectors=(0, 1, 2)), row("new", A, detectors=(2,))
    (lane,) = lay_out([old], [new, old])
    last = lane.stretches[-1]
    assert [(o.now, o.then, o.detectors) for o in last.outcomes] == [
        ("old", "old", (0, 1)),
        ("old", "new", (2,)),
    ]
    assert last.is_changed
    assert last.shadowed == ()  # it still serves the others


def test_types_and_filters_are_apart():
    rows = [
        row("bias"),
        row("flat-r", type="flat", filter="r_03"),
        row("flat-i", type="flat", filter="i_06"),
    ]
    lanes = lay_out([], rows)
    assert [(lane.type, lane.filter) for lane in lanes] == [
        ("bias", ""),
        ("flat", "i_06"),
        ("flat", "r_03"),
    ]
    assert all(len(lane.stretches) == 1 for lane in lanes)
    assert lay_out([], []) == []


@pytest.mark.parametrize(
    ("detector", "instant", "expected"),
    [
        (0, None, None),
        (0, "2026-01-01T11:59:59", None),
        (0, A, "first"),  # begin is in the range
        (0, B, "second"),  # end is not
        (1, A, "second"),  # the first has not this detector
        (2, A, None),
    ],
)
def test_the_first_that_covers_the_instant_serves(detector, instant, expected):
    rows = [row("first", A, B, detectors=(0,)), row("second", A)]
    found = find_serving(rows, detector, instant)
    assert (found.collection if found else None) == expected
