"""Deployment pages and the tracking table."""

import csv
import io

from distribution.models import DeploymentStep, DeploymentTarget
from taxicab.core.models import Job, Repository
from tests.support import pages


def test_a_deployment_is_filed(adopted, deployer):
    pages.connect()
    answer = pages.visitor(deployer).post(
        "/deployments/new/TAXICAB-1/", {"key": "DM-48001"}, follow=True
    )
    assert "DM-48001 is filed: 1 repositories are planned." in pages.text_of(answer)


def test_starting_names_what_is_prepended_where(deployment, deployer):
    browser = pages.visitor(deployer)
    page = pages.text_of(browser.get("/deployments/DM-200/start/"))
    assert "prepends LSSTComCam/calib/DM-100 to LSSTComCam/calib" in page
    assert "To Summit /repo/LSSTComCam: copies the sealed export" in page
    assert "tags every dataset" in page

    answer = browser.post("/deployments/DM-200/start/", follow=True)
    assert "DM-200 is under way." in pages.text_of(answer)
    assert 'data-hx-get="/deployments/DM-200/live/"' in pages.text_of(answer)
    assert browser.get("/deployments/DM-200/live/").status_code == 200

    # Started twice: refused.
    assert browser.post("/deployments/DM-200/start/").status_code == 409


def test_polling_ends_when_nothing_runs(deployment, deployer):
    browser = pages.visitor(deployer)
    browser.post("/deployments/DM-200/start/")
    Job.objects.update(status="failed")
    answer = browser.get("/deployments/DM-200/live/")
    assert answer.status_code == 286
    assert answer["HX-Refresh"] == "true"
    assert "hx-trigger" not in pages.text_of(answer)


def test_a_repository_is_skipped_and_taken_in_again(deployment, deployer):
    target = DeploymentTarget.objects.get(is_origin=False)
    browser = pages.visitor(deployer)
    address = f"/deployments/DM-200/targets/{target.pk}"
    browser.post(f"{address}/skip/", {"reason": "Down for the week."})
    target.refresh_from_db()
    assert (target.status, target.skip_reason) == ("skipped", "Down for the week.")
    page = pages.text_of(browser.get("/deployments/DM-200/"))
    assert "is skipped: Down for the week." in page
    browser.post(f"{address}/include/")
    target.refresh_from_db()
    assert target.status == "planned"


def test_steps_are_run_again_and_rolled_back(deployment, deployer):
    browser = pages.visitor(deployer)
    browser.post("/deployments/DM-200/start/")
    step = DeploymentStep.objects.get(target__is_origin=True, kind="prepend")
    Job.objects.filter(pk=step.job_id).update(status="succeeded")
    DeploymentStep.objects.filter(pk=step.pk).update(status="succeeded")
    DeploymentTarget.objects.filter(pk=step.target_id).update(status="deployed")
    address = f"/deployments/DM-200/steps/{step.pk}/run-again/"
    assert "left as it is" in pages.text_of(browser.get(address))
    assert browser.post(address).status_code == 302

    DeploymentStep.objects.filter(pk=step.pk).update(status="succeeded")
    DeploymentTarget.objects.filter(pk=step.target_id).update(status="deployed")
    address = f"/deployments/DM-200/targets/{step.target_id}/roll-back/"
    assert "Its datasets stay" in pages.text_of(browser.get(address))
    assert browser.post(address, {"reason": "Worse."}).status_code == 302
    assert Job.objects.filter(kind="deployment_rollback").exists()


def test_the_tracking_table_has_a_column_a_repository(deployment, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get("/deployments/tracking/?stage=adopted"))
    for word in ("TAXICAB-1", "DM-100", "DM-200", "embargo_old", "planned"):
        assert word in page
    page = pages.text_of(browser.get("/deployments/tracking/?stage=rejected"))
    assert "No TAXICAB ticket matches" in page


def test_the_tracking_table_is_csv_as_well(deployment, observer):
    answer = pages.visitor(observer).get("/deployments/tracking.csv?instrument=")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["taxicab"] for row in rows] == ["TAXICAB-1"]
    assert rows[0]["construction"] == "DM-100"
    assert rows[0]["Summit /repo/LSSTComCam"] == "planned"
    assert rows[0]["Summit /repo/LATISS"] == "not held"


def test_a_spreadsheet_takes_no_reason_for_a_formula(deployment, adopted, observer):
    type(adopted).objects.update(decision_reason='=HYPERLINK("x")')
    answer = pages.visitor(observer).get("/deployments/tracking.csv")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert row["decision"] == '\'=HYPERLINK("x")'


def test_a_repository_is_looked_at(deployment, observer, stranger):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get("/repositories/summit-LSSTComCam/"))
    assert "not looked at yet" in page
    address = "/deployments/look/summit-LSSTComCam/"
    browser.post(address, {"instrument": "LSSTComCam"})
    assert Job.objects.filter(kind="snapshot").count() == 1
    answer = pages.visitor(stranger).post(address, {"instrument": "LSSTComCam"})
    assert answer.status_code == 404


def test_a_shared_repository_shows_each_person_their_cameras(
    deployment, observer, stranger
):
    Repository.objects.get(queue="usdf").instruments.add("LSSTComCam", "LATISS")
    address = "/deployments/look/usdf-main/"
    pages.visitor(observer).post(address, {"instrument": "LSSTComCam"})
    job = Job.objects.get(kind="snapshot")
    page = "/repositories/usdf-main/"
    shown = pages.text_of(pages.visitor(observer).get(page))
    assert "DM-200" in shown
    assert "LSSTComCam/calib" in shown
    assert pages.visitor(observer).get(f"/jobs/{job.pk}/").status_code == 200
    hidden = pages.text_of(pages.visitor(stranger).get(page))
    assert "DM-200" not in hidden
    assert "LSSTComCam/calib" not in hidden
    assert "LATISS/calib" in hidden
    assert pages.visitor(stranger).get(f"/jobs/{job.pk}/").status_code == 404
