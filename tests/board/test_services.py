import pytest
from django.utils import timezone

from calibrations.models import ConstructionStage, StepStatus
from calibrations.services.construction import note_versions
from reports.models import ReportStatus
from taxicab.board import services
from taxicab.board.domain import PositionKind
from taxicab.board.models import Objection, TaxicabStage, TaxicabTicket
from taxicab.core.models import AuditEvent, RoleGrant
from taxicab.core.roles import Role
from taxicab.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from tests.support import board as make
from tests.support import people

ADOPT, OBJECT, ABSTAIN = (PositionKind(k) for k in ("adopt", "object", "abstain"))


def adopt_by_all(ticket, members):
    for member in members:
        services.take_position(ticket, kind=ADOPT, by=member)


def events(ticket):
    rows = AuditEvent.objects.filter(subject_kind="taxicab", subject_key=ticket.key)
    return [(e.by, e.action, e.before, e.after) for e in rows.order_by("pk")]


# --- Hailing ----------------------------------------------------------------------


def test_hailing_numbers_the_ticket_and_moves_the_set(construction, report, scientist):
    ticket = services.hail(
        construction, report=report, by=scientist, summary="Two amplifiers fail."
    )
    assert ticket.key == "TAXICAB-1"
    construction.refresh_from_db()
    assert construction.stage == ConstructionStage.HAILED
    assert events(ticket) == [("nora", "hailed", "", "hailed")]


def test_numbers_follow_each_other(hailed, scientist, instrument):
    other = make.make_set("DM-200", owner=scientist, instrument=instrument)
    ticket = services.hail(other, report=make.make_report(other), by=scientist)
    assert ticket.number == hailed.number + 1


def test_a_set_is_hailed_once(hailed, construction, report, scientist):
    with pytest.raises(ConflictError, match=f"already, as {hailed.key}"):
        services.hail(construction, report=report, by=scientist)


@pytest.mark.parametrize("status", [ReportStatus.BUILDING, ReportStatus.FAILED])
def test_hailing_waits_for_the_report(construction, scientist, status):
    report = make.make_report(construction, status=status)
    with pytest.raises(ConflictError, match=status.value):
        services.hail(construction, report=report, by=scientist)
    assert not TaxicabTicket.objects.exists()


def test_hailing_refuses_another_tickets_report(construction, scientist, instrument):
    other = make.make_set("DM-200", owner=scientist, instrument=instrument)
    with pytest.raises(ConflictError, match="of another ticket"):
        services.hail(construction, report=make.make_report(other), by=scientist)


def test_hailing_names_what_is_not_certified(construction, scientist):
    dark = make.make_generation(construction, "dark")
    make.certify(dark, status=StepStatus.FAILED)
    report = make.make_report(construction)
    with pytest.raises(ConflictError, match=f"Not certified yet: {dark.collection}"):
        services.hail(construction, report=report, by=scientist)


def test_hailing_names_what_the_report_does_not_show(construction, report, scientist):
    newer = make.make_generation(construction, "bias", letter="b")
    make.certify(newer)
    with pytest.raises(ConflictError, match=f"does not show {newer.collection}"):
        services.hail(construction, report=report, by=scientist)


def test_hailing_refuses_an_empty_report(scientist, instrument):
    empty = make.make_set("DM-200", owner=scientist, instrument=instrument, types=())
    with pytest.raises(ConflictError, match="nothing to adopt"):
        services.hail(empty, report=make.make_report(empty), by=scientist)


def test_hailing_refuses_unreviewed_code(scientist, instrument, members):
    changed = make.make_set(
        "DM-200",
        owner=scientist,
        instrument=instrument,
        has_code_changes=True,
        code_reviewer=members[0],
    )
    report = make.make_report(changed)
    with pytest.raises(ConflictError, match="not reviewed"):
        services.hail(changed, report=report, by=scientist)
    changed.refresh_from_db()
    assert changed.stage == ConstructionStage.BUILDING
    assert not TaxicabTicket.objects.exists()

    changed.code_reviewed_at = timezone.now()
    changed.save()
    assert services.hail(changed, report=report, by=scientist).stage == "hailed"


def test_versions_that_are_no_releases_count_as_code(construction, report, scientist):
    note_versions(construction, {"lsst-pipe-base": "30.0.0.dev3+g12ab"})
    with pytest.raises(ConflictError, match=r"30\.0\.0\.dev3\+g12ab"):
        services.hail(construction, report=report, by=scientist)


def test_hailing_takes_the_calibration_team(construction, report, members):
    with pytest.raises(ForbiddenError):
        services.hail(construction, report=report, by=members[0])


def test_withdrawing_gives_the_set_back(hailed, construction, scientist):
    services.withdraw(hailed, by=scientist, reason="The wrong flats.")
    construction.refresh_from_db()
    assert hailed.stage == TaxicabStage.WITHDRAWN
    assert construction.stage == ConstructionStage.BUILDING
    assert construction.iteration == 1


def test_only_who_hailed_withdraws(hailed, instrument):
    other = people.make_person("paul", "calibration_team", instrument)
    with pytest.raises(ForbiddenError, match="was hailed by nora"):
        services.withdraw(hailed, by=other, reason="I know better.")


# --- Positions --------------------------------------------------------------------


def test_a_member_changes_a_position_and_both_are_recorded(hailed, members):
    ines, _ = members
    services.take_position(hailed, kind=ADOPT, comment="All is well.", by=ines)
    services.take_position(hailed, kind="abstain", by=ines)
    (position,) = hailed.positions.all()
    assert (position.kind, position.report_sha256) == (ABSTAIN, hailed.report.sha256)
    assert events(hailed)[1:] == [
        ("ines", "position taken", "", "adopt"),
        ("ines", "position changed", "adopt", "abstain"),
    ]


def test_an_objection_says_why(hailed, members):
    with pytest.raises(InputError, match="Say what you object to"):
        services.take_position(hailed, kind=OBJECT, comment="  ", by=members[0])


def test_an_unknown_position_is_refused(hailed, members):
    with pytest.raises(InputError, match="there are adopt, adopt_despite, object"):
        services.take_position(hailed, kind="perhaps", by=members[0])


def test_positions_take_the_board_role(hailed, deployer, observer, scientist):
    for person in (deployer, observer, scientist):
        with pytest.raises(ForbiddenError):
            services.take_position(hailed, kind=ADOPT, by=person)


def test_authors_take_no_position_even_on_the_board(hailed, scientist, instrument):
    RoleGrant.objects.create(user=scientist, role=Role.BOARD, instrument=instrument)
    with pytest.raises(ForbiddenError, match="of their own"):
        services.take_position(hailed, kind=ADOPT, by=scientist)
    assert services.position_problem(hailed, scientist).startswith("You have a part")


def test_builders_are_authors(construction, report, scientist, instrument):
    builder = people.make_person("paul", "board", instrument)
    construction.generations.update(created_by=builder)
    hailed = services.hail(construction, report=report, by=scientist)
    with pytest.raises(ForbiddenError, match="paul has a part"):
        services.take_position(hailed, kind=ADOPT, by=builder)


def test_consensus_follows_the_positions_and_the_roles(hailed, members, settings):
    _, tomas = members
    assert not services.consensus_of(hailed).is_reached
    adopt_by_all(hailed, members)
    assert services.consensus_of(hailed).is_reached
    settings.REQUIRED_ADOPTIONS = 3
    assert not services.consensus_of(hailed).is_reached
    # An administrator may set it for one camera.
    instrument = hailed.construction.instrument
    instrument.required_adoptions = 2
    assert services.consensus_of(hailed).is_reached
    instrument.required_adoptions = None
    settings.REQUIRED_ADOPTIONS = 2
    tomas.role_grants.all().delete()
    assert not services.consensus_of(hailed).is_reached


def test_who_is_waited_for(hailed, members, scientist):
    ines, tomas = members
    assert services.awaiting_position(ines) == [hailed]
    services.take_position(hailed, kind=ABSTAIN, by=ines)
    assert services.awaiting_position(ines) == []
    assert services.awaiting_position(tomas) == [hailed]
    assert services.awaiting_position(scientist) == []


# --- Decisions --------------------------------------------------------------------


def test_adoption_reviews_a_set_without_code(hailed, construction, members):
    adopt_by_all(hailed, members)
    services.adopt(hailed, by=members[1], reason="Agreed.")
    construction.refresh_from_db()
    assert (hailed.stage, hailed.decided_by) == (TaxicabStage.ADOPTED, members[1])
    assert construction.stage == ConstructionStage.REVIEWED
    assert ("tomas", "stage → adopted", "hailed", "adopted") in events(hailed)


def test_adoption_needs_consensus_and_says_what_is_missing(hailed, members):
    services.take_position(hailed, kind=ADOPT, by=members[1])
    with pytest.raises(ConflictError, match="1 of 2 adopt positions") as caught:
        services.adopt(hailed, by=members[1])
    assert "Still to be heard: ines" in str(caught.value)
    assert caught.value.details["missing"] == ["adoptions", "voices"]
    hailed.refresh_from_db()
    assert hailed.stage == TaxicabStage.HAILED


def test_adoption_over_an_objection_is_refused_in_words(hailed, members, instrument):
    adopt_by_all(hailed, members)
    rosa = people.make_person("rosa", "board", instrument)
    services.take_position(hailed, kind=OBJECT, comment="Too noisy.", by=rosa)
    with pytest.raises(
        ConflictError, match=r"objection stands \(rosa on the whole set\)"
    ):
        services.adopt(hailed, by=members[0])


def test_the_databases_refusal_is_a_conflict_in_words(hailed, members, monkeypatch):
    """An objection that the code did not see meets the trigger."""
    adopt_by_all(hailed, members)
    Objection.objects.create(ticket=hailed, author=members[0], reason="Unseen.")
    reached = services.consensus_of(hailed)
    monkeypatch.setattr(type(reached), "is_reached", True)
    with pytest.raises(ConflictError, match="the database refuses"):
        services.adopt(hailed, by=members[1])
    hailed.refresh_from_db()
    hailed.construction.refresh_from_db()
    assert hailed.stage == TaxicabStage.HAILED
    assert hailed.construction.stage == ConstructionStage.HAILED


def test_nobody_decides_on_their_own(hailed, members, scientist, instrument):
    RoleGrant.objects.create(user=scientist, role=Role.BOARD, instrument=instrument)
    adopt_by_all(hailed, members)
    for decide in (services.adopt, services.reject):
        with pytest.raises(ForbiddenError, match="of their own"):
            decide(hailed, by=scientist, reason="Mine.")


def test_decisions_take_the_board_role(hailed, deployer):
    for decide in (services.adopt, services.reject):
        with pytest.raises(ForbiddenError):
            decide(hailed, by=deployer, reason="Because.")


def test_rejection_sends_the_set_back(hailed, construction, members, scientist):
    with pytest.raises(InputError, match="Say why"):
        services.reject(hailed, by=members[0], reason=" ")
    services.reject(hailed, by=members[0], reason="Rebuild the flat.")
    construction.refresh_from_db()
    assert hailed.stage == TaxicabStage.REJECTED
    assert (construction.stage, construction.iteration) == ("building", 2)
    # The next iteration is hailed anew, under another number.
    report = make.make_report(construction)
    again = services.hail(construction, report=report, by=scientist)
    assert again.number == hailed.number + 1


def test_what_is_decided_stays_so(hailed, members):
    adopt_by_all(hailed, members)
    services.adopt(hailed, by=members[0])
    stale = TaxicabTicket.objects.get(pk=hailed.pk)
    stale.stage = TaxicabStage.HAILED  # as somebody read it a moment before
    for attempt in (
        lambda: services.take_position(stale, kind=ABSTAIN, by=members[0]),
        lambda: services.adopt(stale, by=members[1]),
        lambda: services.reject(stale, by=members[1], reason="Too late."),
        lambda: services.withdraw(stale, by=stale.hailed_by, reason="Too late."),
    ):
        with pytest.raises(ConflictError, match="adopted"):
            attempt()


def test_tickets_are_found_by_key(hailed):
    assert services.find_ticket("TAXICAB-1") == hailed
    for key in ("TAXICAB-2", "TAXICAB-01", "DM-1", "1", "TAXICAB-x", "TAXICAB-²"):
        with pytest.raises(NotFoundError, match="TAXICAB-1"):
            services.find_ticket(key)


@pytest.mark.parametrize("part", ["created_by", "override_by"])
def test_who_chose_or_answered_for_the_exposures_does_not_decide(hailed, members, part):
    hailed.construction.selections.update(**{part: members[0]})
    with pytest.raises(ForbiddenError, match="a ticket of their own"):
        services.take_position(hailed, kind=ADOPT, by=members[0])
    services.take_position(hailed, kind=ADOPT, by=members[1])
