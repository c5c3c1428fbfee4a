"""A meeting that is skipped, and one that is held, as people see them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from taxicab.board import services as board
from taxicab.board.models import Meeting
from taxicab.board.services.meetings import schedule_meetings
from tests.support import board as make
from tests.support import people


@pytest.fixture
def construction(transactional_db, instrument):
    """A set that can be hailed, its author and a member of the board."""
    nora = people.make_person("nora", "calibration_team", instrument)
    people.make_person("ines", "board", instrument)
    return make.make_set("DM-100", owner=nora, instrument=instrument)


@pytest.fixture
def address(construction, site):
    return site


def let_its_hour_come(meeting):
    """Begin a meeting a minute ago."""
    begin = timezone.now() - timedelta(minutes=1)
    Meeting.objects.filter(pk=meeting.pk).update(
        starts_at=begin, ends_at=begin + timedelta(hours=1)
    )
    schedule_meetings()


def test_a_meeting_is_skipped(address, open_page, log_in):
    watched = open_page()
    log_in(watched, address, "ines", "correct horse ines")
    page = watched.page
    page.goto(f"{address}/taxicab/meetings/")
    text = page.inner_text("main")
    assert "No hailing ticket is open: Tuesday's meeting" in text
    assert "Hail the TAXICAB when a construction ticket has a report." in text

    # The week passes; the meeting is in the list as skipped, and says why.
    let_its_hour_come(schedule_meetings())
    page.reload()
    row = page.inner_text("tbody tr:last-child")
    assert "skipped" in row
    assert "No hailing ticket was open." in row
    page.click("tbody tr:last-child a")
    assert "Nothing was on the agenda." in page.inner_text("main")
    assert page.locator("text=I am there").count() == 0
    watched.check_quiet()


def test_a_meeting_is_held(address, open_page, log_in, construction):
    report = make.make_report(construction)
    board.hail(construction, report=report, by=construction.owner)
    watched = open_page(width=360, scheme="dark", scripts=False)
    log_in(watched, address, "ines", "correct horse ines")
    page = watched.page
    page.goto(f"{address}/taxicab/meetings/")
    page.click("text=Schedule now")
    page.goto(f"{address}/taxicab/TAXICAB-1/")
    assert "Flagged · Tue" in page.inner_text("h1")
    meeting = Meeting.objects.get()
    let_its_hour_come(meeting)

    page.goto(f"{address}/taxicab/meetings/{meeting.day:%Y-%m-%d}/")
    page.click("text=I am there")
    page.select_option("#id_ticket", "TAXICAB-1")
    page.fill("#id_text", "The bias is quiet.")
    page.click("text=Keep for the minutes")
    page.click("text=Close the meeting")
    page.click("button:has-text('Close the meeting')")
    text = page.inner_text("main")
    for words in ("Minutes", "undecided: goes to the next meeting", "ines"):
        assert words in text
    assert "The bias is quiet." in text

    # Who was told finds it at the bell.
    page.click(".bell")
    assert "TAXICAB-1 is flagged for the meeting on Tue" in page.inner_text("main")
