"""Jobs: progress, log, cancelling and running again, in pages and over REST."""

import pytest

from taxicab.core.models import AuditEvent, Job
from tests.support import pages
from tests.support.rest import client_of


@pytest.fixture
def job(construction):
    return pages.make_job(
        construction, log="quantum 9 of 27", commands=["pipetask run"]
    )


def test_a_running_job_is_polled_until_its_end(job, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get(f"/jobs/{job.pk}/"))
    assert "quantum 9 of 27" in page
    assert "pipetask run" in page
    assert f'data-hx-get="/jobs/{job.pk}/live/"' in page
    assert browser.get(f"/jobs/{job.pk}/live/").status_code == 200
    Job.objects.update(status="failed", message="4 quanta failed.", traceback="Trace")
    answer = browser.get(f"/jobs/{job.pk}/live/")
    assert answer.status_code == 286
    assert "4 quanta failed." in pages.text_of(answer)
    assert "hx-get" not in pages.text_of(answer)


def test_only_the_team_ends_a_job_and_only_after_a_question(job, scientist, observer):
    address = f"/jobs/{job.pk}/cancel/"
    assert pages.visitor(observer).post(address).status_code == 403
    browser = pages.visitor(scientist)
    assert "What is finished stays" in pages.text_of(browser.get(address))
    assert not AuditEvent.objects.filter(action__contains="cancel").exists()
    browser.post(address)
    job.refresh_from_db()
    assert job.cancel_requested_by == scientist
    # A second time there is nothing to cancel, and the page says so.
    assert browser.post(address).status_code == 409


def test_a_failed_job_is_run_again(job, scientist, observer):
    Job.objects.update(
        status="failed", parameters={"task": "calibrations.tasks.generate_calibration"}
    )
    address = f"/jobs/{job.pk}/run-again/"
    assert pages.visitor(scientist).get(address).status_code == 405
    assert pages.visitor(observer).post(address).status_code == 403
    assert pages.visitor(scientist).post(address).status_code == 302
    job.refresh_from_db()
    assert job.status == "queued"


def test_jobs_are_filtered(job, observer, stranger):
    browser = pages.visitor(observer)
    assert job.title in pages.text_of(browser.get("/jobs/?status=unfinished"))
    assert "No job matches" in pages.text_of(browser.get("/jobs/?status=failed"))
    assert "No job matches" in pages.text_of(browser.get("/jobs/?mine=on"))
    assert "No job matches" in pages.text_of(pages.visitor(stranger).get("/jobs/"))


def test_jobs_over_rest(job, scientist, observer, stranger):
    answer = client_of(observer).get("/api/v1/jobs/?status=running")
    (row,) = answer.data["results"]
    assert (row["id"], row["progress_percent"]) == (job.pk, 33)
    assert row["subject_page"] == "/construction/DM-100/"
    assert row["repository"] == "usdf-main"
    assert client_of(stranger).get(f"/api/v1/jobs/{job.pk}/").status_code == 404
    assert client_of().get("/api/v1/jobs/").status_code == 401

    address = f"/api/v1/jobs/{job.pk}/cancel/"
    assert client_of(observer).post(address).status_code == 403
    assert client_of(scientist).post(address).status_code == 200
    answer = client_of(scientist).post(address)
    assert (answer.status_code, answer.data["error"]) == (409, "conflict")


def test_repositories_over_rest(instrument, observer, stranger):
    pages.connect()
    rows = client_of(observer).get("/api/v1/repositories/").data["results"]
    connected = {row["key"]: row["is_connected"] for row in rows}
    assert connected["usdf-main"] is True
    assert connected["summit-LSSTComCam"] is False
    assert "location" not in rows[0]
    answer = client_of(observer).get("/api/v1/repositories/summit-LSSTComCm/")
    assert answer.status_code == 404
    assert answer.data["details"]["nearest"][0] == "summit-LSSTComCam"
    answer = client_of(stranger).get("/api/v1/repositories/summit-LSSTComCam/")
    assert answer.status_code == 404


def test_the_audit_trail_over_rest(hailed, observer, stranger):
    rows = client_of(observer).get("/api/v1/events/?subject_key=TAXICAB-1").data
    assert [row["by"] for row in rows["results"]] == ["nora"]
    assert client_of(stranger).get("/api/v1/events/").data["count"] == 0
    assert client_of(observer).post("/api/v1/events/", {}).status_code == 405
