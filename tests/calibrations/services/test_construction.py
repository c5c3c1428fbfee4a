"""Tickets: their keys, their code review, who may move them."""

import pytest

from calibrations.models import ConstructionStage
from calibrations.services import construction
from taxicab.core.models import AuditEvent, Repository
from taxicab.errors import (
    ConflictError,
    ForbiddenError,
    InputError,
    NotFoundError,
)
from tests.support import construction as make
from tests.support.people import make_person

REVIEW = "https://example.org/pull/1"

pytestmark = pytest.mark.usefixtures("paper_place")


def test_a_ticket_is_built_at_the_one_place(scientist, instrument, observer):
    ticket = make.make_ticket(scientist, instrument)
    assert ticket.repository.is_build
    assert AuditEvent.objects.get(subject_key=ticket.key).why == "New gains."
    with pytest.raises(ConflictError, match="DM-47447 is in use: nora opened it"):
        make.make_ticket(scientist, instrument)
    with pytest.raises(ForbiddenError, match="role calibration team"):
        make.make_ticket(observer, instrument, key="DM-2")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"key": "dm-12"}, "DM-12345"),
        ({"key": "DM-12/3"}, "DM-12345"),
        ({"tag": "new gains"}, "not a valid tag"),
        ({"tag": "longer_than_any_name_can_be"}, "Choose a tag of at most 11"),
        ({"reason": "  "}, "Give the reason"),
        ({"url": f"https://example.org/{'x' * 200}"}, "200 are kept"),
        ({"url": "javascript:alert(1)"}, "http"),
        ({"has_code_changes": True}, "link of its review and a reviewer"),
    ],
)
def test_what_is_wrong_is_refused_in_words(scientist, instrument, changes, complaint):
    with pytest.raises(InputError, match=complaint):
        make.make_ticket(scientist, instrument, **changes)


def test_nothing_is_built_elsewhere(scientist, instrument):
    Repository.objects.filter(is_build=True).update(location="")
    with pytest.raises(ConflictError, match="not connected"):
        make.make_ticket(scientist, instrument)
    Repository.objects.filter(is_build=True).update(is_build=False)
    Repository.objects.filter(path="/repo/ir2").update(is_build=True)
    with pytest.raises(NotFoundError, match="does not hold LSSTComCam"):
        make.make_ticket(scientist, instrument)


def test_changed_code_is_reviewed_by_somebody_else(scientist, instrument, observer):
    said = {"has_code_changes": True, "code_review_url": REVIEW}
    with pytest.raises(InputError, match="somebody else"):
        make.make_ticket(scientist, instrument, code_reviewer=scientist, **said)
    ticket = make.make_ticket(scientist, instrument, code_reviewer=observer, **said)
    with pytest.raises(ConflictError, match="not reviewed: vera"):
        construction.mark_hailed(ticket, by=scientist)
    with pytest.raises(ForbiddenError, match="by vera, not by nora"):
        construction.record_code_review(ticket, by=scientist)
    construction.record_code_review(ticket, by=observer)
    with pytest.raises(ConflictError, match="already"):
        construction.record_code_review(ticket, by=observer)
    assert construction.mark_hailed(ticket, by=scientist).stage == "hailed"


def test_software_that_is_no_release_is_a_code_change(scientist, instrument, observer):
    ticket = make.make_ticket(scientist, instrument)
    construction.note_versions(ticket, {"numpy": "2.1.0", "lsst-daf-butler": "30.0.1"})
    assert not ticket.has_code_changes

    versions = {"lsst-cp-pipe": "g1a2b+3c", "numpy": "2.1.0"}
    construction.note_versions(ticket, versions)
    assert ticket.code_change_reason == "Not a release: lsst-cp-pipe g1a2b+3c."
    with pytest.raises(ConflictError, match="whom its owner has still to name"):
        construction.mark_hailed(ticket, by=scientist)
    construction.declare_code_changes(
        ticket,
        reason="A branch of cp_pipe.",
        code_review_url=REVIEW,
        code_reviewer=observer,
        by=scientist,
    )
    construction.record_code_review(ticket, by=observer)

    # The same again needs no other review; what comes later does.
    construction.note_versions(ticket, versions)
    construction.check_code_reviewed(ticket)
    construction.note_versions(ticket, {"lsst-cp-pipe": "30.1.dev2"})
    with pytest.raises(ConflictError, match=r"30\.1\.dev2"):
        construction.check_code_reviewed(ticket)


def test_the_board_moves_a_ticket_its_owner_does_not(scientist, instrument, members):
    ticket = make.make_ticket(scientist, instrument)
    construction.mark_hailed(ticket, by=scientist)
    with pytest.raises(ConflictError, match="is hailed: only"):
        construction.withdraw(ticket, by=scientist, why="Never mind.")
    with pytest.raises(ForbiddenError, match="role board"):
        construction.send_back(ticket, by=scientist, why="No.")
    make_person("nora", "board", instrument)
    with pytest.raises(ForbiddenError, match="nobody decides on a ticket of their own"):
        construction.mark_reviewed(ticket, by=scientist)

    construction.send_back(ticket, by=members[0], why="R22_S11 is noisy.")
    assert (ticket.stage, ticket.iteration) == (ConstructionStage.BUILDING, 2)
    construction.mark_hailed(ticket, by=scientist)
    construction.take_back(ticket, by=scientist, why="One thing more.")
    assert (ticket.stage, ticket.iteration) == (ConstructionStage.BUILDING, 2)
    construction.mark_hailed(ticket, by=scientist)
    stale = type(ticket).objects.get(pk=ticket.pk)
    construction.mark_reviewed(ticket, by=members[0])
    with pytest.raises(ConflictError, match="Somebody else"):
        construction.mark_reviewed(stale, by=members[1])
