"""Meetings: scheduled, flagged, held, skipped; their minutes and their calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from icalendar import Calendar

from taxicab.board import services
from taxicab.board.models import Meeting
from taxicab.board.services import meetings
from taxicab.board.services.calendar import (
    calendar_token,
    find_subscriber,
    write_calendar,
)
from taxicab.board.services.minutes import readable_minutes
from taxicab.core.models import AuditEvent, Instrument, Notice
from taxicab.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from tests.support import people
from tests.support.rest import client_of

MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 22, 5, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set: `clock(moment)`."""

    def set_to(moment):
        monkeypatch.setattr(timezone, "now", lambda: moment)

    set_to(MONDAY)
    return set_to


@pytest.fixture
def flagged(clock, hailed):
    meetings.schedule_meetings()
    hailed.refresh_from_db()
    return hailed


@pytest.fixture
def meeting(flagged):
    return flagged_for(flagged)


def flagged_for(ticket):
    return type(ticket).objects.get(pk=ticket.pk).flagged_for


def stage_of(ticket):
    ticket.refresh_from_db()
    return ticket.stage


def test_scheduling_flags_what_is_open(members, flagged, meeting):
    assert flagged.stage == "flagged"
    assert flagged.stage_words == "Flagged · Tue 24 Nov 14:00 PT"
    assert meeting.when == "Tue 24 Nov 14:00 PT"
    assert meeting.starts_at == datetime(2026, 11, 24, 22, tzinfo=UTC)
    event = AuditEvent.objects.get(subject_key=flagged.key, action="stage → flagged")
    assert event.why == "For the meeting on Tue 24 Nov 14:00 PT."
    told = Notice.objects.filter(event="flagged")
    assert {n.user for n in told} >= set(members)


def test_scheduling_again_changes_nothing(flagged, meeting):
    events = AuditEvent.objects.count()
    assert meetings.schedule_meetings() == meeting
    assert AuditEvent.objects.count() == events
    assert Meeting.objects.count() == meeting.items.count() == 1


def test_what_is_hailed_later_is_flagged_for_the_same_meeting(clock, hailed):
    Meeting.objects.all().delete()
    services.withdraw(hailed, by=hailed.hailed_by, reason="Not yet.")
    first = meetings.schedule_meetings()
    assert not first.items.exists()
    again = services.hail(
        hailed.construction, report=hailed.report, by=hailed.hailed_by
    )
    assert meetings.schedule_meetings() == first
    assert flagged_for(again) == first


def test_a_week_without_an_open_ticket_is_skipped(clock, observer, db):
    next_one = meetings.upcoming(observer)
    assert next_one.is_skipped
    assert (next_one.weekday, next_one.when) == ("Tuesday", "Tue 24 Nov 14:00 PT")
    first = meetings.schedule_meetings()
    clock(TUESDAY)
    second = meetings.schedule_meetings()
    first.refresh_from_db()
    assert (first.status, first.reason) == ("skipped", "No hailing ticket was open.")
    assert second.starts_at == first.starts_at + WEEK
    with pytest.raises(ConflictError, match="was skipped"):
        meetings.attend(first, by=observer)


def test_a_ticket_that_was_withdrawn_leaves_nothing_to_flag(clock, flagged, meeting):
    services.withdraw(flagged, by=flagged.hailed_by, reason="Not yet.")
    assert stage_of(flagged) == "withdrawn"
    clock(TUESDAY + timedelta(days=1))
    meetings.schedule_meetings()
    meeting.refresh_from_db()
    assert meeting.status == "skipped"
    assert meeting.items.get().outcome == "withdrawn"


def test_minutes_write_themselves(clock, flagged, meeting, members, observer):
    clock(TUESDAY)
    for member in members:
        meetings.attend(meeting, by=member)
    meetings.remark(meeting, by=observer, text="Is it cold?", ticket=flagged)
    meetings.remark(meeting, by=observer, text="Next week I am away.")
    for member in members:
        services.take_position(flagged, kind="adopt", by=member)
    services.adopt(flagged, by=members[0], reason="Agreed.")
    clock(TUESDAY + timedelta(minutes=40))
    closed = meetings.close_meeting(meeting, by=members[0])
    minutes = closed.minutes
    assert closed.status == "held"
    assert [one["name"] for one in minutes["attendance"]] == ["ines", "tomas", "vera"]
    (item,) = minutes["agenda"]
    assert item["outcome"] == "adopted at this meeting"
    assert (item["decided_by"], item["reason"]) == ("ines", "Agreed.")
    assert minutes["decided"] == [flagged.key]
    assert [said["ticket"] for said in minutes["remarks"]] == [flagged.key, ""]
    assert closed.items.get().outcome == "adopted"
    # Frozen: nobody comes or speaks afterwards.
    for act in (
        lambda: meetings.attend(closed, by=observer),
        lambda: meetings.remark(closed, by=observer, text="One more thing."),
        lambda: meetings.close_meeting(closed, by=members[1]),
    ):
        with pytest.raises(ConflictError):
            act()


def test_what_is_undecided_goes_to_the_next(clock, flagged, meeting, members):
    clock(TUESDAY)
    meetings.attend(meeting, by=members[0])
    meetings.close_meeting(meeting, by=members[0])
    assert meeting.items.get().outcome == "deferred"
    after = flagged_for(flagged)
    assert after.starts_at == meeting.starts_at + WEEK
    assert stage_of(flagged) == "flagged"


def test_what_was_decided_before_is_not_decided_there(clock, flagged, meeting, members):
    for member in members:
        services.take_position(flagged, kind="adopt", by=member)
    services.adopt(flagged, by=members[0])
    clock(TUESDAY)
    meetings.attend(meeting, by=members[0])
    closed = meetings.close_meeting(meeting, by=members[0])
    assert closed.minutes["agenda"][0]["outcome"] == "adopted before this meeting"
    assert closed.minutes["decided"] == []


def test_a_meeting_that_nobody_closes_is_closed_by_the_portal(
    clock, flagged, meeting, members
):
    clock(TUESDAY)
    meetings.attend(meeting, by=members[0])
    clock(TUESDAY + timedelta(hours=3))
    meetings.schedule_meetings()
    meeting.refresh_from_db()
    assert meeting.status == "scheduled"
    clock(TUESDAY + timedelta(hours=14))
    meetings.schedule_meetings()
    meeting.refresh_from_db()
    assert (meeting.status, meeting.closed_by) == ("held", None)


def test_a_meeting_to_which_nobody_came_is_skipped(clock, flagged, meeting):
    clock(TUESDAY + timedelta(hours=14))
    meetings.schedule_meetings()
    meeting.refresh_from_db()
    assert meeting.status == "skipped"
    assert "Nobody attended" in meeting.reason
    assert flagged_for(flagged).starts_at == meeting.starts_at + WEEK


def test_who_may_what(clock, flagged, meeting, observer, scientist, members):
    with pytest.raises(ConflictError, match="begins Tue 24 Nov"):
        meetings.close_meeting(meeting, by=members[0])
    clock(TUESDAY)
    with pytest.raises(ForbiddenError):
        meetings.close_meeting(meeting, by=scientist)
    with pytest.raises(ForbiddenError):
        meetings.schedule_by_hand(by=observer)
    assert meetings.schedule_by_hand(by=scientist)
    assert meetings.schedule_by_hand(by=members[0])


def test_scheduling_by_hand_over_rest(clock, hailed, observer, members, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    address = "/api/v1/meetings/schedule/"
    assert client_of(observer).post(address).status_code == 403
    assert not Meeting.objects.exists()
    answer = client_of(members[0]).post(address)
    assert (answer.status_code, answer.json()["day"]) == (200, "2026-11-24")
    assert stage_of(hailed) == "flagged"


def test_attending_and_leaving(clock, meeting, observer):
    for _ in range(2):
        meetings.attend(meeting, by=observer)
    assert meeting.attendances.count() == 1
    for _ in range(2):
        meetings.leave(meeting, by=observer)
    assert not meeting.attendances.exists()
    with pytest.raises(InputError, match="Write what was said"):
        meetings.remark(meeting, by=observer, text="  ")


def test_remarks_are_about_the_agenda(clock, meeting, observer, flagged):
    meeting.items.all().delete()
    with pytest.raises(InputError, match="not on the agenda"):
        meetings.remark(meeting, by=observer, text="Hm.", ticket=flagged)


def test_meetings_that_are_not_there(clock, meeting):
    for day in ("2026-11-25", "today", "2026-13-01"):
        with pytest.raises(NotFoundError, match="the latest are 2026-11-24"):
            meetings.find_meeting(day)


def test_minutes_of_other_cameras_are_not_read(clock, meeting, flagged, observer):
    meetings.remark(meeting, by=observer, text="Cold.", ticket=flagged)
    sam = people.make_person("sam", "observer", Instrument.objects.get(name="LATISS"))
    minutes = readable_minutes(meeting, sam)
    assert minutes["agenda"] == minutes["remarks"] == []
    assert meetings.upcoming(sam).is_skipped
    assert readable_minutes(meeting, observer)["agenda"]


def test_calendar(clock, flagged, meeting, observer, settings):
    settings.MEETING_PLACE = "https://meet.example.org/taxicab"
    events = Calendar.from_ical(write_calendar(observer)).walk("VEVENT")
    first, second, *_ = events
    assert first.decoded("dtstart") == datetime(2026, 11, 24, 22, tzinfo=UTC)
    assert first.decoded("dtend") == datetime(2026, 11, 24, 23, tzinfo=UTC)
    assert str(first["summary"]) == "TAXICAB meeting (1 ticket)"
    assert f"{flagged.key}: DM-100" in str(first["description"])
    assert str(first["location"]) == "https://meet.example.org/taxicab"
    assert (first["status"], second["status"]) == ("CONFIRMED", "TENTATIVE")
    assert second.decoded("dtstart") == datetime(2026, 12, 1, 22, tzinfo=UTC)
    assert len({str(event["uid"]) for event in events}) == len(events) == 9


def test_calendar_says_what_is_skipped(clock, db, observer):
    meetings.schedule_meetings()
    clock(TUESDAY)
    meetings.schedule_meetings()
    first = Calendar.from_ical(write_calendar(observer)).walk("VEVENT")[0]
    assert first["status"] == "CANCELLED"
    assert str(first["summary"]) == "TAXICAB meeting (skipped)"


def test_calendar_addresses(observer, scientist):
    token = calendar_token(observer)
    assert find_subscriber(token) == observer
    assert token != calendar_token(scientist)
    for wrong in ("", "1", token[:-1] + "x", token[1:], calendar_token(scientist)[:20]):
        with pytest.raises(NotFoundError):
            find_subscriber(wrong)
    observer.set_password("another one entirely")
    observer.save()
    with pytest.raises(NotFoundError):
        find_subscriber(token)
    token = calendar_token(observer)
    observer.is_active = False
    observer.save()
    with pytest.raises(NotFoundError):
        find_subscriber(token)
