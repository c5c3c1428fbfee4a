"""The page of consequences: timelines, look-ups and who may ask."""

import itertools

import pytest

from reports.models import ReportConsequence
from taxicab.board import services as board
from taxicab.core.models import Job
from tests.support import board as make
from tests.support import pages
from tests.support.built import make_built

ADDRESS = "/reports/DM-100/1/consequence/"
A, B, C = "2026-09-01T12:00:00", "2026-10-01T12:00:00", "2026-11-08T18:00:00"
CAMERA = "LSSTComCam/calib/curated"
OLD, NEW = "LSSTComCam/calib/DM-99/t/bias.1a", "LSSTComCam/calib/DM-100/t/bias.1a"


def row(collection, begin, end=None, *, type="bias", filter="", detectors=(0, 1)):
    return {
        "type": type,
        "filter": filter,
        "begin": begin,
        "end": end,
        "collection": collection,
        "run": "run",
        "detectors": list(detectors),
    }


@pytest.fixture
def report(construction):
    return make.make_report(construction)


@pytest.fixture
def known(report):
    """A bias that is replaced from C on, and a camera that nobody replaces."""
    camera = row(CAMERA, None, type="camera", detectors=(-1,))
    old = row(OLD, A)
    return ReportConsequence.objects.create(
        report=report,
        chain="LSSTComCam/calib",
        now=[old, camera],
        then=[row(NEW, C), old, camera],
        nights=[{"day_obs": 20261109, "filter": "r_03", "n": 12, "types": ["bias"]}],
    )


def test_before_it_was_read_the_page_offers_to(report, observer, stranger):
    browser = pages.visitor(observer)
    assert "Read it now" in pages.text_of(browser.get(ADDRESS))
    answer = browser.post(f"{ADDRESS}read/")
    assert answer.headers["Location"] == ADDRESS
    browser.post(f"{ADDRESS}read/")
    job = Job.objects.get()
    assert (job.kind, job.parameters["report"]) == ("consequence", report.pk)
    assert "the repository is being read" in pages.text_of(browser.get(ADDRESS))
    assert browser.get(f"{ADDRESS}live/").status_code == 200
    Job.objects.update(status="succeeded")
    assert browser.get(f"{ADDRESS}live/").status_code == 286
    assert pages.visitor(stranger).get(ADDRESS).status_code == 404
    assert pages.visitor(stranger).post(f"{ADDRESS}read/").status_code == 404


def test_timelines_show_what_is_replaced_shadowed_and_missing(known, observer):
    answer = pages.visitor(observer).get(ADDRESS)
    page = pages.text_of(answer)
    bias, camera = answer.context["lanes"]
    assert (bias["type"], bias["is_changed"]) == ("bias", True)
    assert (camera["type"], camera["is_changed"]) == ("camera", False)
    assert [bar.look for bar in bias["then"]] == ["gap", "same", "replaced"]
    assert [bar.look for bar in bias["now"]] == ["gap", "same", "same"]
    # In the order of search; the older is shadowed where the new one begins.
    assert [name for name, _ in bias["collections"]] == [NEW, OLD]
    new, old = (dict(bias["collections"])[name] for name in (NEW, OLD))
    assert [bar.look for bar in new] == ["shadowed", "replaced"]
    assert [bar.look for bar in old] == ["shadowed", "same"]
    # The pieces fill the bar from end to end.
    for bars in (bias["now"], bias["then"]):
        assert bars[0].x == 0
        assert bars[-1].x + bars[-1].width == pytest.approx(1000)
        for one, other in itertools.pairwise(bars):
            assert one.x + one.width == pytest.approx(other.x)
    assert "12 exposures in the repository would be processed" in page
    for word in ("20261109", "r_03", "Shadowed", "a gap is filled"):
        assert word in page


def test_the_axis_reaches_over_the_nights_that_are_affected(known, observer):
    known.nights[0]["day_obs"] = 20270116
    known.save()
    axis = pages.visitor(observer).get(ADDRESS).context["axis"]
    assert f"{axis.first:%Y-%m-%d} {axis.last:%Y-%m-%d}" == "2026-09-01 2027-01-16"


def test_what_is_older_than_ten_years_takes_no_room(report, observer):
    ReportConsequence.objects.create(
        report=report,
        chain="LSSTComCam/calib",
        now=[row(OLD, "1970-01-01T00:00:00", A)],
        then=[row(NEW, A, C), row(OLD, "1970-01-01T00:00:00", A)],
    )
    answer = pages.visitor(observer).get(ADDRESS)
    ever, old, new, after = answer.context["lanes"][0]["then"]
    assert 0 < ever.width < old.x + old.width <= new.x + 0.1
    assert new.width > 800 > after.width


@pytest.mark.parametrize(
    ("asked", "now", "then"),
    [
        ("2026-08-01", None, None),
        (A, OLD, OLD),
        ("2026-11-08T17:59:59", OLD, OLD),
        (C, OLD, NEW),
        ("2026111000005", OLD, NEW),  # an exposure of a later night
        ("2026100900005", OLD, OLD),
    ],
)
def test_dates_and_exposures_are_looked_up(known, observer, asked, now, then):
    answer = pages.visitor(observer).get(f"{ADDRESS}?at={asked}&detector=1")
    found = {one.type: one for one in answer.context["found"]}
    bias = found["bias"]
    assert (bias.now and bias.now.collection) == now
    assert (bias.then and bias.then.collection) == then
    assert bias.is_changed is (now != then)
    assert found["camera"].now.collection == "LSSTComCam/calib/curated"


def test_an_exposure_is_looked_up_by_its_own_time_and_filter(known, observer):
    """In the night in which the bias changes hands, and flats of two filters."""
    flats = [row(OLD, A, type="flat", filter=band) for band in ("g_01", "r_03")]
    known.now, known.then = [*known.now, *flats], [*known.then, *flats]
    known.exposures = {
        "2026110800011": ("2026-11-08T17:59:00", "r_03"),
        "2026110800012": ("2026-11-08T18:01:00", "g_01"),
    }
    known.save()
    browser = pages.visitor(observer)
    for exposure, collection, band in (
        ("2026110800011", OLD, "r_03"),
        ("2026110800012", NEW, "g_01"),
    ):
        answer = browser.get(f"{ADDRESS}?at={exposure}&detector=1")
        found = {(one.type, one.filter): one for one in answer.context["found"]}
        assert found[("bias", "")].then.collection == collection
        assert {f for type_, f in found if type_ == "flat"} == {band}


def test_what_cannot_be_looked_up_is_said(known, observer):
    browser = pages.visitor(observer)
    page = pages.text_of(browser.get(f"{ADDRESS}?at=2026110800012"))
    assert f"begins or ends at {C} TAI, in the night of exposure 2026110800012" in page
    assert "read it again" in page
    page = pages.text_of(browser.get(f"{ADDRESS}?at=yesterday"))
    assert "is not a date" in page
    # A detector that the bias has not.
    answer = browser.get(f"{ADDRESS}?at={C}&detector=7")
    assert answer.context["found"][0].now is None


def test_an_empty_repository_says_what_to_do(report, observer):
    ReportConsequence.objects.create(report=report, chain="LSSTComCam/calib")
    page = pages.text_of(pages.visitor(observer).get(f"{ADDRESS}?at={A}"))
    assert "certify something" in page
    assert "No exposure in the repository would be processed otherwise." in page


def test_after_adoption_it_says_when_it_was_read(known, scientist, observer, members):
    ticket = board.hail(known.report.ticket, report=known.report, by=scientist)
    page = pages.text_of(pages.visitor(observer).get(ADDRESS))
    assert "Adopting DM-100 puts it before all others" in page
    for member in members:
        board.take_position(ticket, kind="adopt", by=member)
    board.adopt(ticket, by=members[0], reason="Agreed.")
    page = pages.text_of(pages.visitor(observer).get(ADDRESS))
    assert "What adopting DM-100 was to change" in page
    assert "before the set was adopted" in page
    assert "would have been processed" in page
    assert "Read the repository anew" in page
    known.nights = []
    known.save()  # read again, now
    page = pages.text_of(pages.visitor(observer).get(ADDRESS))
    assert "DM-100 is adopted: what is still to change" in page
    assert "No exposure in the repository is processed otherwise by it any more" in page
    assert "Read the repository again" in page


def test_the_decision_keeps_what_was_read(known, scientist, observer, members):
    ticket = board.hail(known.report.ticket, report=known.report, by=scientist)
    for member in members:
        board.take_position(ticket, kind="adopt", by=member)
    board.adopt(ticket, by=members[0], reason="Agreed.")
    known.nights, known.now = [], known.then
    known.save()  # read again, later
    held = ticket.record.record["consequence"]
    assert (held["chain"], held["exposures"]) == ("LSSTComCam/calib", 12)
    assert [row["collection"] for row in held["now"]] == [OLD, CAMERA]
    assert [row["collection"] for row in held["then"]] == [NEW, OLD, CAMERA]
    assert [row["detectors"] for row in held["then"]] == [2, 2, 1]
    assert held["read_at"] < ticket.record.record["decision"]["at"]
    page = pages.text_of(pages.visitor(observer).get(f"/taxicab/{ticket.key}/record/"))
    assert "Of the exposures in the repository 12 would be processed" in page


def test_a_decision_before_any_reading_says_so(report, scientist, observer, members):
    ticket = board.hail(report.ticket, report=report, by=scientist)
    board.reject(ticket, by=members[0], reason="Not yet.")
    assert ticket.record.record["consequence"] is None
    page = pages.text_of(pages.visitor(observer).get(f"/taxicab/{ticket.key}/record/"))
    assert "had not been read for what the set changes" in page


def test_what_would_rest_on_a_superseded_calibration_is_listed(
    construction, hailed, report, scientist, members
):
    """The board sees it while the set is before it, of its own and of adopted sets."""
    board_member = pages.visitor(members[0])
    page = pages.text_of(board_member.get(ADDRESS))
    assert "Nothing of DM-100, nor of the sets that the board adopted before," in page
    camera = construction.instrument
    old = make.make_set("DM-2", owner=scientist, instrument=camera, types=())
    ptc = make_built(old, "ptc")
    make_built(old, "bfk", hour=1, rests_on=[ptc])
    type(old).objects.filter(pk=old.pk).update(stage="reviewed")
    make_built(construction, "ptc", hour=50)
    answer = board_member.get(ADDRESS)
    resting = {one.built.label: one for one in answer.context["resting"]}
    assert resting["bfk"].newer.label == "ptc"
    assert resting["bfk"].sentence in pages.text_of(answer)
