"""The tracking table: what differs, what is looked for, in which order."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from distribution.domain import TargetStatus, find_difference
from distribution.models import DeploymentTarget, RepositorySnapshot
from distribution.services import deployments, tracking
from taxicab.board.models import TaxicabTicket
from taxicab.core.models import Instrument, Repository
from tests.distribution.test_api import make_client
from tests.support import deployments as make
from tests.support import pages, people

CHAIN = "LSSTComCam/calib/DM-100"


@pytest.mark.parametrize(
    ("status", "served", "not_served"),
    [
        (None, "did not put there", ""),
        (TargetStatus.PLANNED, "did not put there", ""),
        (TargetStatus.SKIPPED, "did not put there", ""),
        (TargetStatus.RUNNING, "", ""),
        (TargetStatus.FAILED, "", ""),
        (TargetStatus.WAITING, "", "any more"),
        (TargetStatus.DEPLOYED, "", "any more"),
    ],
)
def test_differences(status, served, not_served):
    assert served in find_difference(status, is_served=True)
    assert not_served in find_difference(status, is_served=False)
    assert bool(served) == bool(find_difference(status, is_served=True))
    assert bool(not_served) == bool(find_difference(status, is_served=False))


@pytest.fixture
def tracked(instrument, scientist, settings):
    """Two adopted sets; the first is deployed at two repositories."""
    for name, value in pages.SETTINGS.items():
        setattr(settings, name, value)
    pages.connect()
    pages.connect("Summit", "/repo/LSSTComCam", "summit")
    first = make.make_adopted("DM-100", owner=scientist, instrument=instrument)
    make.make_adopted("DM-90", owner=scientist, instrument=instrument, number=2)
    deployments.file_deployment(first, key="DM-200", by=scientist)
    return first


def summit():
    return DeploymentTarget.objects.get(repository__queue="summit")


def look(chain, *, age=timedelta(0)):
    repository = Repository.objects.get(queue="summit")
    snapshot, _ = RepositorySnapshot.objects.update_or_create(
        repository=repository, instrument_id="LSSTComCam", defaults={"chain": chain}
    )
    RepositorySnapshot.objects.filter(pk=snapshot.pk).update(
        taken_at=timezone.now() - age
    )


def cell(user, key="TAXICAB-1"):
    row = next(r for r in tracking.tracking_rows(user) if r.taxicab == key)
    return next(c for c in row.cells if c.repository == "summit-LSSTComCam")


def test_a_repository_that_serves_what_was_deployed(tracked, observer):
    DeploymentTarget.objects.update(status="deployed")
    look([CHAIN])
    assert cell(observer).status == "deployed"


def test_a_repository_that_lost_what_was_deployed(tracked, observer):
    DeploymentTarget.objects.update(status="deployed")
    look(["LSSTComCam/calib/DM-1"])
    found = cell(observer)
    assert found.status == "differs"
    assert found.reason == "its default chain does not hold the set any more"


def test_a_repository_that_serves_what_nobody_deployed(tracked, observer):
    look([CHAIN, "LSSTComCam/calib/DM-90"])
    assert cell(observer).status == "differs"
    assert "did not put there" in cell(observer, "TAXICAB-2").reason


def test_looks_that_say_nothing_of_now(tracked, observer):
    # Too long ago; and before what was done there last.
    DeploymentTarget.objects.update(status="deployed")
    look([], age=timedelta(days=2))
    assert cell(observer).status == "deployed"
    look([], age=timedelta(hours=1))
    DeploymentTarget.objects.update(changed_at=timezone.now())
    assert cell(observer).status == "deployed"


def keys(rows):
    return [row.key for row in rows]


def test_rows_are_looked_for_by_state(tracked, observer):
    rows = tracking.tracked_tickets(observer)
    assert keys(tracking.in_state(rows, "planned")) == ["TAXICAB-1"]
    DeploymentTarget.objects.filter(pk=summit().pk).update(
        status="skipped", skip_reason="Down."
    )
    assert keys(tracking.in_state(rows, "skipped")) == ["TAXICAB-1"]
    assert keys(tracking.in_state(rows, "deployed")) == []
    look(["LSSTComCam/calib/DM-90"])
    assert keys(tracking.in_state(rows, "differs")) == ["TAXICAB-2"]
    # A skipped one that is served all the same is not merely skipped.
    look([CHAIN])
    assert keys(tracking.in_state(rows, "skipped")) == []
    assert keys(tracking.in_state(rows, "differs")) == ["TAXICAB-1"]


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ("taxicab", 1),
        ("-taxicab", 2),
        ("construction", 1),
        ("-construction", 2),
        ("deployment", 1),
        ("-deployment", 1),  # rows without one come last
        ("decided", 2),
        ("-decided", 2),
    ],
)
def test_rows_are_sorted(tracked, observer, by, first):
    TaxicabTicket.objects.filter(number=2).update(decided_at=timezone.now())
    rows = tracking.sort_tickets(tracking.tracked_tickets(observer), by)
    assert rows[0].number == first


def test_page(tracked, observer):
    DeploymentTarget.objects.filter(pk=summit().pk).update(
        status="skipped", skip_reason="No raws of that camera."
    )
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get("/deployments/tracking/?state=skipped"))
    assert "TAXICAB-1" in page
    assert "TAXICAB-2" not in page
    assert "No raws of that camera." in page
    page = pages.text_of(browser.get("/deployments/tracking/?sort=construction"))
    assert page.index("TAXICAB-1") < page.index("TAXICAB-2")
    assert 'aria-sort="ascending"><a href="?sort=-construction"' in page
    # What is asked for in vain is said, not an error.
    answer = browser.get("/deployments/tracking/?sort=colour&year=x&state=y")
    assert answer.status_code == 200


def test_csv_says_why(tracked, observer):
    DeploymentTarget.objects.filter(pk=summit().pk).update(
        status="skipped", skip_reason="No raws."
    )
    answer = pages.visitor(observer).get("/deployments/tracking.csv?sort=-taxicab")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["taxicab"] for row in rows] == ["TAXICAB-2", "TAXICAB-1"]
    assert rows[1]["Summit /repo/LSSTComCam"] == "skipped: No raws."


def test_rest(tracked, observer):
    client = make_client(observer)

    def found(**asked):
        answer = client.get("/api/v1/tracking/", asked)
        assert answer.status_code == 200, answer.json()
        return [row["taxicab"] for row in answer.json()["results"]]

    year = timezone.now().year
    assert found(year=year, sort="taxicab") == ["TAXICAB-1", "TAXICAB-2"]
    assert found(year=year - 1) == []
    assert found(state="planned") == ["TAXICAB-1"]
    assert client.get("/api/v1/tracking/", {"sort": "colour"}).status_code == 400


def test_the_table_takes_few_queries(tracked, observer, django_assert_max_num_queries):
    look([CHAIN])
    with django_assert_max_num_queries(12):
        tracking.tracking_rows(observer)


def test_the_page_says_when_it_was_looked_and_looks_anew(tracked, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get("/deployments/tracking/"))
    assert page.count("not looked at yet") == 2
    look([CHAIN], age=timedelta(days=2))
    looks = {one.repository.slug: one for one in tracking.last_looks(observer)}
    assert {slug: one.is_old for slug, one in looks.items()} == dict.fromkeys(
        looks, True
    )
    assert looks["summit-LSSTComCam"].at is not None
    assert "too old to tell" in pages.text_of(browser.get("/deployments/tracking/"))
    look([CHAIN])
    page = pages.text_of(browser.get("/deployments/tracking/"))
    assert "too old to tell" not in page
    assert "Look at Summit /repo/LSSTComCam for LSSTComCam now" in page
    asked = {"instrument": "LSSTComCam", "from": "tracking"}
    answer = browser.post("/deployments/look/summit-LSSTComCam/", asked)
    assert answer.headers["Location"] == "/deployments/tracking/"
    page = pages.text_of(browser.get("/deployments/tracking/"))
    assert "a look is asked for" in page
    assert "Look at Summit" not in page


def test_looks_of_other_cameras_are_not_shown(tracked, instrument):
    stranger = people.make_person(
        "sam", "observer", Instrument.objects.get(pk="LATISS")
    )
    assert {one.instrument for one in tracking.last_looks(stranger)} == {"LATISS"}
