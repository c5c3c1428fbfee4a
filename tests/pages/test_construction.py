"""Construction pages: forms, the preview of exposures, verbs, records."""

import pytest

from calibrations.models import ConstructionTicket, Generation
from calibrations.services import generation as generations
from taxicab.core.models import AuditEvent, Job
from tests.support import board as make
from tests.support import pages


@pytest.fixture
def build(instrument):
    return pages.connect()


@pytest.fixture
def ticket(build, scientist, instrument):
    return make.make_set("DM-300", owner=scientist, instrument=instrument, types=())


def test_a_ticket_is_opened(build, scientist, instrument):
    browser = pages.visitor(scientist)
    sent = {
        "key": "DM-48520",
        "instrument": "LSSTComCam",
        "tag": "gainFixup",
        "reason": "New gains.",
    }
    answer = browser.post("/construction/new/", sent, follow=True)
    assert answer.redirect_chain == [("/construction/DM-48520/", 302)]
    assert "DM-48520 is open" in pages.text_of(answer)

    # The same key again: the page says whose it is and keeps what was typed.
    answer = browser.post("/construction/new/", sent)
    assert answer.status_code == 409
    assert "DM-48520 is in use" in pages.text_of(answer)
    assert 'value="gainFixup"' in pages.text_of(answer)

    answer = browser.post("/construction/new/", {**sent, "key": "48520"})
    assert answer.status_code == 400
    assert ConstructionTicket.objects.count() == 1


def test_exposures_are_looked_up_before_anything_runs(ticket, scientist):
    browser = pages.visitor(scientist)
    sent = {"purpose": "generation", "where": "exposure.day_obs=20261109"}
    answer = browser.post("/construction/DM-300/bias/", sent)
    assert answer.status_code == 302
    selection = ticket.selections.get()
    assert selection.status == "looking"
    assert not Generation.objects.exists()

    # The page asks again while the job runs, and no longer after.
    address = f"/construction/DM-300/selections/{selection.pk}/"
    assert 'data-hx-trigger="every' in pages.text_of(browser.get(address))
    assert browser.get(f"{address}live/").status_code == 200
    ticket.selections.update(status="ready")
    Job.objects.update(status="succeeded")
    assert browser.get(f"{address}live/").status_code == 286

    answer = browser.post("/construction/DM-300/bias/", {"purpose": "generation"})
    assert "This field is required" in pages.text_of(answer)


def test_a_mismatch_is_named_and_answered_for(ticket, scientist):
    selection = pages.make_selection(ticket, problems=["12 exposures are too few."])
    browser = pages.visitor(scientist)
    address = f"/construction/DM-300/selections/{selection.pk}/"
    page = pages.text_of(browser.get(address))
    assert "12 exposures are too few." in page
    assert "generate/" not in page
    assert "CC_O_20261109_000012" in page

    assert "What will happen" in pages.text_of(browser.get(f"{address}override/"))
    browser.post(f"{address}override/", {"reason": "It was cloudy."})
    page = pages.text_of(browser.get(address))
    assert "answered for them:</strong> It was cloudy." in page
    assert f"{address}generate/" in page
    assert AuditEvent.objects.filter(why="It was cloudy.").exists()


def test_a_generation_is_asked_for(ticket, scientist, monkeypatch):
    selection = pages.make_selection(ticket)
    browser = pages.visitor(scientist)
    address = f"/construction/DM-300/selections/{selection.pk}/generate/"
    assert browser.get(address).status_code == 405
    answer = browser.post(address, follow=True)
    generation = Generation.objects.get()
    assert generation.collection in pages.text_of(answer)
    assert generation.rerun == f"{generations.utc_today():%Y%m%d}a"

    # Asked for again while it waits: refused with a sentence, not twice done.
    answer = browser.post(address)
    assert answer.status_code == 409
    assert "is queued already" in pages.text_of(answer)


def test_certification_says_what_will_happen(ticket, scientist):
    generation = make.make_generation(ticket, "bias")
    generation.selection.exposures = pages.make_selection(ticket).exposures
    generation.selection.save()
    browser = pages.visitor(scientist)
    address = f"/construction/DM-300/generations/{generation.pk}/certify/"
    page = pages.text_of(browser.get(address))
    assert 'value="2026-11-09T12:00:00"' in page
    assert "LSSTComCam/calib/DM-300" in page

    answer = browser.post(address, {"begin_tai": "yesterday"})
    assert answer.status_code == 400
    assert "yesterday" in pages.text_of(answer)
    browser.post(address, {"begin_tai": "2026-11-09T12:00:00", "end_tai": ""})
    assert ticket.certifications.get().end_tai == ""


def test_a_ticket_is_withdrawn_after_a_question(ticket, scientist):
    browser = pages.visitor(scientist)
    page = pages.text_of(browser.get("/construction/DM-300/withdraw/"))
    assert "nothing is deleted" in page
    assert browser.post("/construction/DM-300/withdraw/", {}).status_code == 200
    browser.post("/construction/DM-300/withdraw/", {"reason": "Superseded."})
    ticket.refresh_from_db()
    assert ticket.stage == "withdrawn"
    assert "Superseded." in pages.text_of(browser.get("/construction/DM-300/history/"))


def test_polling_lasts_as_long_as_something_runs(ticket, scientist):
    browser = pages.visitor(scientist)
    job = pages.make_job(ticket)
    page = pages.text_of(browser.get("/construction/DM-300/"))
    assert 'data-hx-get="/construction/DM-300/live/"' in page
    assert browser.get("/construction/DM-300/live/").status_code == 200
    Job.objects.filter(pk=job.pk).update(status="failed")
    answer = browser.get("/construction/DM-300/live/")
    assert answer.status_code == 286
    assert "hx-get" not in pages.text_of(answer)


def test_a_long_list_costs_no_more_queries_than_a_short_one(
    construction, scientist, instrument, observer, django_assert_max_num_queries
):
    for number in range(8):
        make.make_set(f"DM-40{number}", owner=scientist, instrument=instrument)
    browser = pages.visitor(observer)
    with django_assert_max_num_queries(40):
        assert "DM-407" in pages.text_of(browser.get("/construction/"))


def test_the_record_is_downloaded(construction, observer):
    browser = pages.visitor(observer)
    answer = browser.get("/construction/DM-100/record.json")
    assert answer.headers["Content-Disposition"].endswith('"DM-100-record.json"')
    assert answer.json()
    assert "DM-100" in browser.get("/construction/DM-100/record.md").content.decode()
    assert browser.get("/construction/DM-100/record.doc").status_code == 404
