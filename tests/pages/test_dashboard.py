"""What waits for whom."""

from tests.support import board as make
from tests.support import pages, people


def page_of(user):
    return pages.text_of(pages.visitor(user).get("/"))


def test_each_role_sees_what_waits_for_it(hailed, members, scientist, deployer):
    assert "has no position of yours yet, and needs one" in page_of(members[0])
    assert "has no position of yours yet" in page_of(members[1])
    for user in (scientist, deployer):
        assert "Nothing waits for you" in page_of(user)


def test_a_deployer_sees_what_can_be_started(deployment, deployer, scientist):
    assert "can be started: TAXICAB-1 is adopted" in page_of(deployer)
    assert "can be started" not in page_of(scientist)


def test_a_scientist_sees_the_next_step(scientist, instrument):
    ticket = make.make_set("DM-300", owner=scientist, instrument=instrument, types=())
    assert "bias: to be made" in page_of(scientist)
    make.make_generation(ticket, "bias", verified=False)
    assert "bias is generated: verify it" in page_of(scientist)


def test_a_reviewer_sees_code_to_review(instrument, scientist):
    reviewer = people.make_person("rosa", "calibration_team", instrument)
    make.make_set(
        "DM-300",
        owner=scientist,
        instrument=instrument,
        has_code_changes=True,
        code_change_reason="New overscan.",
        code_reviewer=reviewer,
    )
    page = page_of(reviewer)
    assert "waits for your review of its code" in page
    assert "New overscan." in page


def test_running_jobs_are_polled_while_there_are_any(construction, observer):
    browser = pages.visitor(observer)
    assert browser.get("/running/").status_code == 286
    pages.make_job(construction)
    answer = browser.get("/running/")
    assert answer.status_code == 200
    assert "9 of 27" in pages.text_of(answer)
