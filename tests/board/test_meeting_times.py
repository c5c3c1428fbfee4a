"""When the board meets: clocks, summer time, other zones; plain functions."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest

from taxicab.board.domain.meetings import Slot, next_start, show_start
from taxicab.environment import clock_time, one_of, time_zone

PROJECT = Slot(1, time(14, 0), "America/Los_Angeles", timedelta(hours=1))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "start"),
    [
        # A Monday; the Tuesday after, in winter 22:00 UTC.
        ("2026-11-23T12:00", "2026-11-24T22:00"),
        ("2026-11-24T21:59:59", "2026-11-24T22:00"),
        # A meeting that begins now is not the next.
        ("2026-11-24T22:00", "2026-12-01T22:00"),
        # Wednesday in UTC, Tuesday evening in California: a week is to pass.
        ("2026-11-25T03:00", "2026-12-01T22:00"),
        # In summer 21:00 UTC; the clocks change on 8 March and 1 November 2026.
        ("2026-03-04T00:00", "2026-03-10T21:00"),
        ("2026-10-28T00:00", "2026-11-03T22:00"),
        ("2026-12-30T00:00", "2027-01-05T22:00"),
    ],
)
def test_next_meeting(after, start):
    assert next_start(PROJECT, utc(after)) == utc(start)


def test_a_year_of_meetings_keeps_the_hour():
    start = utc("2026-01-01T00:00")
    starts = []
    for _ in range(52):
        start = next_start(PROJECT, start)
        starts.append(start)
    gaps = {b - a for a, b in pairwise(starts)}
    assert gaps == {timedelta(hours=h) for h in (167, 168, 169)}
    assert {show_start(s, PROJECT.zone)[-8:] for s in starts} == {"14:00 PT"}


def test_an_hour_that_the_clocks_leave_out():
    """On 8 March 2026 there is no 02:30; the meeting is held all the same."""
    slot = Slot(6, time(2, 30), "America/Los_Angeles", timedelta(hours=1))
    start = next_start(slot, utc("2026-03-07T00:00"))
    assert start == utc("2026-03-08T10:30")


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("America/Los_Angeles", "Tue 24 Nov 14:00 PT"),
        ("UTC", "Tue 24 Nov 22:00 UTC"),
        ("Europe/Paris", "Tue 24 Nov 23:00 CET"),
    ],
)
def test_how_it_is_said(zone, words):
    assert show_start(utc("2026-11-24T22:00"), zone) == words


def test_the_slot_in_words():
    assert PROJECT.sentence == "Tuesdays 14:00 PT"


def test_settings(monkeypatch):
    monkeypatch.setenv("T", "")
    assert one_of("T", ["Monday", "Tuesday"], default="Tuesday") == 1
    assert clock_time("T", default="14:00") == time(14, 0)
    assert time_zone("T", default="UTC") == "UTC"
    monkeypatch.setenv("T", "monday")
    assert one_of("T", ["Monday", "Tuesday"], default="Tuesday") == 0
    for reader in (
        lambda: one_of("T", ["Sunday"], default="Sunday"),
        lambda: clock_time("T", default="14:00"),
        lambda: time_zone("T", default="UTC"),
    ):
        with pytest.raises(ValueError, match="T is 'monday'"):
            reader()
