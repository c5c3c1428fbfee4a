"""Pages and REST of meetings and decision records."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from icalendar import Calendar

from taxicab.board import services
from taxicab.board.models import Meeting
from taxicab.board.services import meetings
from taxicab.core.domain.signatures import find_signature_faults, read_public_key
from taxicab.core.models import Instrument
from taxicab.core.services.keys import make_key
from tests.support import pages, people
from tests.support.rest import client_of

MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    def set_to(moment):
        monkeypatch.setattr(timezone, "now", lambda: moment)

    set_to(MONDAY)
    return set_to


@pytest.fixture
def flagged(clock, hailed):
    meetings.schedule_meetings()
    hailed.refresh_from_db()
    return hailed


MEETING = "/taxicab/meetings/2026-11-24/"


def test_nothing_to_meet_for(clock, observer):
    browser = pages.visitor(observer)
    said = (
        "No hailing ticket is open: Tuesday's meeting (Tue 24 Nov 14:00 PT) is "
        "skipped. Hail the TAXICAB when a construction ticket has a report."
    )
    for address in ("/taxicab/meetings/", "/"):
        page = pages.text_of(browser.get(address)).replace("&#x27;", "'")
        assert said in page


def test_meetings_are_scheduled_by_hand(clock, hailed, scientist, observer):
    assert "Schedule now" not in pages.text_of(
        pages.visitor(observer).get("/taxicab/meetings/")
    )
    assert (
        pages.visitor(observer).post("/taxicab/meetings/schedule/").status_code == 403
    )
    browser = pages.visitor(scientist)
    answer = browser.post("/taxicab/meetings/schedule/", follow=True)
    page = pages.text_of(answer)
    assert "The meeting on Tue 24 Nov 14:00 PT has 1 ticket." in page
    for address in ("/taxicab/", "/taxicab/TAXICAB-1/", "/construction/DM-100/"):
        page = pages.text_of(browser.get(address))
        assert "Flagged · Tue 24 Nov 14:00 PT" in page, address


def test_a_meeting(flagged, observer, members, clock):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get(MEETING))
    assert "TAXICAB-1" in page
    assert "<td>undecided</td>" in page
    browser.post(f"{MEETING}attend/")
    asked = {"text": "Is <it> cold?", "ticket": "TAXICAB-1"}
    answer = browser.post(f"{MEETING}remark/", asked, follow=True)
    page = pages.text_of(answer)
    assert "Is &lt;it&gt; cold?" in page
    assert "I am not there" in page
    # An empty remark is asked for again; a board member cannot close what is to come.
    assert "This field is required" in pages.text_of(
        browser.post(f"{MEETING}remark/", {"text": ""})
    )
    member = pages.visitor(members[0])
    assert "Close the meeting…" not in pages.text_of(member.get(MEETING))
    assert member.post(f"{MEETING}close/").status_code == 409
    clock(MONDAY + timedelta(days=1, hours=10, minutes=30))
    assert browser.post(f"{MEETING}close/").status_code == 403
    page = pages.text_of(member.get(f"{MEETING}close/"))
    assert "Undecided, and put on the next agenda: TAXICAB-1." in page
    page = pages.text_of(member.post(f"{MEETING}close/", follow=True))
    assert "Minutes" in page
    assert browser.post(f"{MEETING}attend/").status_code == 409
    assert "2026-12-01" in pages.text_of(browser.get("/taxicab/meetings/"))


def test_meetings_show_each_person_their_cameras(flagged, stranger):
    page = pages.text_of(pages.visitor(stranger).get(MEETING))
    assert "TAXICAB-1" not in page
    assert "is skipped" in pages.text_of(
        pages.visitor(stranger).get("/taxicab/meetings/")
    )


def test_who_closes_is_told_of_their_own_cameras(flagged, members, clock):
    clock(MONDAY + timedelta(days=2))
    latiss = Instrument.objects.get(name="LATISS")
    elsewhere = people.make_person("lena", "board", latiss)
    page = pages.text_of(pages.visitor(elsewhere).get(f"{MEETING}close/"))
    assert flagged.key not in page
    assert "Nothing of your cameras is left undecided." in page
    page = pages.text_of(pages.visitor(members[0]).get(f"{MEETING}close/"))
    assert f"put on the next agenda: {flagged.key}." in page


def test_a_meeting_that_is_not_there(clock, observer):
    for day in ("2026-11-24", "yesterday"):
        answer = pages.visitor(observer).get(f"/taxicab/meetings/{day}/")
        assert answer.status_code == 404
        assert "none is scheduled" in pages.text_of(answer)


def test_the_calendar_needs_no_login(flagged, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get("/taxicab/meetings/"))
    feed = page.partition("http://testserver")[2].partition(".ics")[0] + ".ics"
    answer = pages.visitor().get(feed)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    first = Calendar.from_ical(answer.content).walk("VEVENT")[0]
    assert "TAXICAB-1" in str(first["description"])
    assert pages.visitor().get("/taxicab/meetings/calendar/1.x.ics").status_code == 404
    assert pages.visitor().get("/taxicab/meetings/calendar.ics").status_code == 302
    assert browser.get("/taxicab/meetings/calendar.ics").status_code == 200


def test_meetings_over_rest(flagged, observer, stranger, members, clock):
    client = client_of(observer)
    found = client.get("/api/v1/meetings/upcoming/").json()
    assert found == {
        "starts_at": "2026-11-24T22:00:00Z",
        "when": "Tue 24 Nov 14:00 PT",
        "is_skipped": False,
        "tickets": ["TAXICAB-1"],
    }
    assert client.get("/api/v1/taxicab/TAXICAB-1/").json()["meeting"] == "2026-11-24"
    client.post("/api/v1/meetings/2026-11-24/attend/")
    asked = {"text": "Cold.", "ticket": "TAXICAB-1"}
    client.post("/api/v1/meetings/2026-11-24/remarks/", asked, format="json")
    minutes = client.get("/api/v1/meetings/2026-11-24/").json()["minutes"]
    assert [one["name"] for one in minutes["attendance"]] == ["vera"]
    assert minutes["remarks"][0]["text"] == "Cold."
    hidden = client_of(stranger).get("/api/v1/meetings/2026-11-24/").json()
    assert hidden["minutes"]["agenda"] == []
    clock(MONDAY + timedelta(days=1, hours=10, minutes=30))
    close = "/api/v1/meetings/2026-11-24/close/"
    assert client.post(close).status_code == 403
    assert client_of(members[0]).post(close).json()["status"] == "held"
    listed = client.get("/api/v1/meetings/?status=held").json()
    assert [one["day"] for one in listed["results"]] == ["2026-11-24"]
    assert client.get("/api/v1/meetings/today/").status_code == 404
    assert Meeting.objects.count() == 2


@pytest.fixture
def key_file(settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "signing_key.pem"
    return settings.SIGNING_KEY_FILE


def test_a_decision_is_seen_again(key_file, flagged, members, observer, stranger):
    make_key()
    browser = pages.visitor(observer)
    assert browser.get("/taxicab/TAXICAB-1/record/").status_code == 404
    for member in members:
        services.take_position(flagged, kind="adopt", comment="<Good>", by=member)
    services.adopt(flagged, by=members[0], reason="Agreed.")
    assert "Decision record" in pages.text_of(browser.get("/taxicab/TAXICAB-1/"))
    page = pages.text_of(browser.get("/taxicab/TAXICAB-1/record/"))
    for words in (
        "Adopted by ines",
        "&lt;Good&gt;",
        "Ed25519, key",
        "Nobody objected.",
    ):
        assert words in page
    answer = browser.get("/taxicab/TAXICAB-1/record.json")
    assert 'filename="TAXICAB-1-record.json"' in answer["Content-Disposition"]
    pem = pages.visitor().get("/taxicab/public-key.pem").content
    assert find_signature_faults(answer.json(), read_public_key(pem)) == []
    rest = client_of(observer).get("/api/v1/taxicab/TAXICAB-1/record/").json()
    assert rest == answer.json()
    for address in ("record/", "record.json"):
        hidden = pages.visitor(stranger).get(f"/taxicab/TAXICAB-1/{address}")
        assert hidden.status_code == 404


def test_records_without_a_key_say_so(key_file, flagged, members, observer):
    services.reject(flagged, by=members[0], reason="Noise.")
    page = pages.text_of(pages.visitor(observer).get("/taxicab/TAXICAB-1/record/"))
    assert "This record is not signed" in page
    answer = pages.visitor().get("/taxicab/public-key.pem")
    assert answer.status_code == 404
    assert "make_signing_key" in pages.text_of(answer)
