import pytest

from calibrations.butler.ingest import ingest_raws
from tests.support.gateway import BEGIN, CERTIFIED, DEFAULT, GENERATED, TICKET
from tests.support.observatory import FIRST_NIGHT, SECOND_NIGHT

RUN = "LSSTComCam/self_review/DM-1"


@pytest.fixture
def review(site):
    """Ask for a self-review, by default of everything the ticket is valid for."""

    def ask(begin=BEGIN, end=None, at=site):
        return at.gateway().self_review(
            DEFAULT, TICKET, RUN, begin, end, str(site.folder / "review")
        )

    return ask


def test_it_passes_when_the_chain_gives_the_new_ones(site, review):
    site.gateway().prepend_chain(DEFAULT, TICKET)
    answer = review()
    assert answer.status == "passed"
    assert answer.exposure // 100_000 == FIRST_NIGHT
    expected = {r.uuid for r in site.gateway().validity(TICKET)}
    assert {c["uuid"] for c in answer.calibrations} == expected
    assert {c["run"] for c in answer.calibrations} == {GENERATED}
    assert "was given the new bias in all 2 detectors" in answer.reason


def test_it_fails_when_the_chain_is_put_back(site, review):
    # What was in force before is another bias.
    gateway = site.gateway()
    old = f"{GENERATED[:-1]}b"
    gateway.run_pipeline(site.request(old, pipeline="bias"))
    gateway.certify_calibration(old, "bias", f"{CERTIFIED[:-1]}b", BEGIN)
    gateway.define_chain(f"{DEFAULT}/DM-2", [f"{CERTIFIED[:-1]}b"])
    gateway.define_chain(DEFAULT, [f"{DEFAULT}/DM-2"])
    gateway.prepend_chain(DEFAULT, TICKET)
    assert review().status == "passed"
    gateway.remove_from_chain(DEFAULT, TICKET)
    answer = review()
    assert answer.status == "failed"
    assert f"bias from {old}" in answer.reason
    # Each answer is of a run of its own.
    assert answer.run == f"{RUN}.2"


def test_it_fails_when_the_chain_gives_nothing(review):
    answer = review()
    assert answer.status == "failed"
    assert "bias" in answer.reason


def test_it_waits_for_an_exposure_of_the_range(site, review, export, target):
    site.gateway().prepend_chain(DEFAULT, TICKET)
    answer = review("2027-01-01", None)
    assert (answer.status, answer.exposure) == ("waiting", None)
    assert "No exposure that bias apply to was taken from 2027-01-01" in answer.reason
    # A repository without raws waits as well, until the first night with them.
    target.gateway().import_collection(str(export))
    target.gateway().prepend_chain(DEFAULT, TICKET)
    assert review(at=target).status == "waiting"
    raws = sorted((site.folder / "raw").rglob(f"*{SECOND_NIGHT}*.fits*"))
    assert raws
    ingest_raws(target.repository, raws)
    answer = review(at=target)
    assert (answer.status, answer.exposure // 100_000) == ("passed", SECOND_NIGHT)
