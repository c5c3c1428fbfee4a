"""Objections, waivers, requests and new evidence, through the services."""

from datetime import timedelta

import pytest
from django.utils import timezone

from calibrations.models import ConstructionStage
from calibrations.services.steps import check_testable
from reports.services.history import values_at_worst
from taxicab.board import services
from taxicab.board.domain import CoverState, PositionKind, default_allowance
from taxicab.board.models import (
    Meeting,
    ObjectionStatus,
    RequiredVoice,
    TaskStatus,
    Waiver,
)
from taxicab.core.models import AuditEvent, RoleGrant
from taxicab.core.roles import Role
from taxicab.errors import ConflictError, ForbiddenError, InputError
from tests.support import board as make
from tests.support import evidence, people

ADOPT, DESPITE, MORE = (
    PositionKind.ADOPT,
    PositionKind.ADOPT_DESPITE,
    PositionKind.NEEDS_PROCESSING,
)
FAILURE = "bias:AMP:NOISE:amplifier:R22:4:C05:0"


@pytest.fixture
def construction(scientist, instrument):
    return make.make_set(
        "DM-100", owner=scientist, instrument=instrument, types=("bias", "dark")
    )


@pytest.fixture
def rosa(instrument):
    return people.make_person("rosa", "board", instrument)


@pytest.fixture
def failing(construction, scientist):
    """A hailed set one amplifier of which is just over its limit."""
    report = make.make_report(construction, clusters=[("bias", make.make_cluster())])
    return services.hail(construction, report=report, by=scientist)


def waive(ticket, by, **changes):
    terms = {
        "failure": FAILURE,
        "reason": "Known since it was installed.",
        "effect": "2 % more noise in one amplifier.",
        "owner": ticket.construction.owner,
        "expires_on": timezone.now().date() + timedelta(days=90),
    }
    return services.write_waiver(ticket, by=by, **(terms | changes))


def missing(ticket):
    return " ".join(line.code for line in services.consensus_of(ticket).blockers)


def actions(ticket):
    rows = AuditEvent.objects.filter(subject_kind="taxicab", subject_key=ticket.key)
    return list(rows.order_by("pk").values_list("action", flat=True))


# --- Objections ---------------------------------------------------------------------


def test_an_objection_says_what_it_is_about(hailed, members, rosa):
    objection = services.raise_objection(
        hailed, part="bias", test="NOISE", detector=4, reason="Too noisy.", by=rosa
    )
    assert objection.scope == "bias NOISE R22_S11"
    assert hailed.positions.get(member=rosa).kind == "object"
    for member in members:
        services.take_position(hailed, kind=ADOPT, by=member)
    assert missing(hailed) == "objections"
    # The same words are the same objection.
    again = services.raise_objection(
        hailed, part="bias", test="NOISE", detector=4, reason="Too noisy.", by=rosa
    )
    assert again == objection
    with pytest.raises(InputError, match="has no part 'ptc'; there are dark, bias"):
        services.raise_objection(hailed, part="ptc", reason="No.", by=rosa)


def test_only_its_author_withdraws_an_objection(hailed, members, rosa):
    objection = services.raise_objection(hailed, reason="Too noisy.", by=rosa)
    with pytest.raises(ForbiddenError, match="This objection is rosa's"):
        services.withdraw_objection(objection, by=members[0], reason="Enough.")
    with pytest.raises(InputError, match="Say why"):
        services.withdraw_objection(objection, by=rosa, reason=" ")
    services.withdraw_objection(objection, by=rosa, reason="A cosmic ray.")
    objection.refresh_from_db()
    assert (objection.status, objection.ended_by) == ("withdrawn", rosa)
    assert objection.ending == "A cosmic ray."
    stale = type(objection).objects.get(pk=objection.pk)
    stale.status = ObjectionStatus.STANDING  # as it was read a moment before
    with pytest.raises(ConflictError, match="no longer 'standing'"):
        services.withdraw_objection(stale, by=rosa, reason="Again.")


def test_the_meeting_resolves_an_objection(hailed, members, rosa, scientist):
    objection = services.raise_objection(hailed, reason="Too noisy.", by=rosa)
    now = timezone.now()
    meeting = Meeting.objects.create(
        day=now.date(), starts_at=now, ends_at=now + timedelta(hours=1), zone="UTC"
    )
    with pytest.raises(ForbiddenError, match="You raised this objection"):
        services.resolve_objection(objection, by=rosa, resolution="Fine.")
    with pytest.raises(ForbiddenError):  # the calibration team
        services.resolve_objection(objection, by=scientist, resolution="Fine.")
    with pytest.raises(InputError, match="Write how it was resolved"):
        services.resolve_objection(objection, by=members[0], resolution="")
    services.resolve_objection(
        objection, by=members[0], resolution="Within the budget.", meeting=meeting
    )
    assert (objection.status, objection.ended_by) == ("resolved", members[0])
    assert objection.meeting == meeting
    assert services.consensus_of(hailed).requirements[-1].is_met
    assert "status → resolved" in actions(hailed)


def test_authors_resolve_nothing(hailed, rosa, scientist, instrument):
    RoleGrant.objects.create(user=scientist, role=Role.BOARD, instrument=instrument)
    objection = services.raise_objection(hailed, reason="Too noisy.", by=rosa)
    with pytest.raises(ForbiddenError, match="of their own"):
        services.resolve_objection(objection, by=scientist, resolution="Fine.")


def test_nobody_holds_two_things_at_once(hailed, rosa):
    objection = services.raise_objection(hailed, reason="Too noisy.", by=rosa)
    for kind in (ADOPT, DESPITE, PositionKind.ABSTAIN):
        with pytest.raises(ConflictError, match="withdraw it and say why"):
            services.take_position(hailed, kind=kind, by=rosa)
    services.withdraw_objection(objection, by=rosa, reason="A cosmic ray.")
    assert services.take_position(hailed, kind=ADOPT, by=rosa).kind == ADOPT


def test_objections_end_before_the_decision(hailed, rosa, members):
    objection = services.raise_objection(hailed, reason="Too noisy.", by=rosa)
    services.reject(hailed, by=members[0], reason="Build it again.")
    with pytest.raises(ConflictError, match="rejected"):
        services.withdraw_objection(objection, by=rosa, reason="Too late.")


# --- More processing ----------------------------------------------------------------


def test_a_request_is_done_before_the_decision(hailed, members, rosa, scientist):
    with pytest.raises(InputError, match="Say what should be run"):
        services.take_position(hailed, kind=MORE, by=rosa)
    services.take_position(
        hailed, kind=MORE, comment="Verify the bias of 20261116.", by=rosa
    )
    (task,) = hailed.construction.processing_tasks.all()
    for member in members:
        services.take_position(hailed, kind=ADOPT, by=member)
    assert missing(hailed) == "tasks"
    with pytest.raises(ConflictError, match="rosa asked: Verify the bias"):
        services.adopt(hailed, by=members[0])
    # While it is open the set can be tested, and nothing else.
    hailed.construction.refresh_from_db()
    check_testable(hailed.construction)
    with pytest.raises(ForbiddenError):
        services.finish_task(task, by=rosa, note="Done.")
    with pytest.raises(InputError, match="Say what was done"):
        services.finish_task(task, by=scientist, note=" ")
    services.finish_task(task, by=scientist, note="See verifyBias.20261117a.")
    assert (task.status, task.ended_by) == (TaskStatus.DONE, scientist)
    assert missing(hailed) == ""
    with pytest.raises(ConflictError, match="is hailed"):
        check_testable(hailed.construction)
    events = AuditEvent.objects.filter(subject_key="DM-100")
    assert events.filter(action="status → done", why__contains="verifyBias").exists()


def test_who_asked_takes_it_back(hailed, members, rosa):
    services.take_position(hailed, kind=MORE, comment="Run it again.", by=rosa)
    (task,) = hailed.tasks.all()
    with pytest.raises(ForbiddenError, match="only they take it back"):
        services.drop_task(task, by=members[0], reason="No.")
    services.drop_task(task, by=rosa, reason="Somebody did it last week.")
    assert task.status == TaskStatus.DROPPED
    assert "tasks" not in missing(hailed)


def test_an_open_request_outlives_its_ticket(hailed, rosa, scientist, construction):
    services.take_position(hailed, kind=MORE, comment="Run it again.", by=rosa)
    services.withdraw(hailed, by=scientist, reason="Later.")
    construction.refresh_from_db()
    report = make.make_report(construction)
    again = services.hail(construction, report=report, by=scientist)
    assert "tasks" in missing(again)


# --- Waivers ------------------------------------------------------------------------


def test_adopting_despite_a_failure_needs_its_waiver(failing, members, scientist):
    ines, tomas = members
    with pytest.raises(ConflictError, match="has 1 failure, first bias AMP NOISE"):
        services.take_position(failing, kind=ADOPT, by=ines)
    # What is fine in itself is adopted by itself.
    services.take_position(failing, kind=ADOPT, parts=["dark"], by=ines)
    for member in members:
        services.take_position(failing, kind=DESPITE, by=member)
    assert missing(failing) == "waivers"
    with pytest.raises(ConflictError, match="1 failure has no waiver"):
        services.adopt(failing, by=tomas)
    waiver = waive(failing, ines)
    assert (waiver.value, waiver.limit, waiver.unit) == (9.1, 8.0, "e⁻")
    assert (waiver.detector, waiver.amplifier, waiver.exposure) == (4, "C05", 0)
    assert waiver.part_sha256 == failing.report.parts.get(key="bias").sha256
    with pytest.raises(ConflictError, match="is waived by ines"):
        waive(failing, tomas)
    assert services.adopt(failing, by=tomas).stage == "adopted"
    event = AuditEvent.objects.get(action="waiver written")
    assert event.details["value"] == 9.1


def test_board_members_waive_and_authors_do_not(failing, scientist, instrument):
    with pytest.raises(ForbiddenError, match="may not waive"):
        waive(failing, scientist)
    RoleGrant.objects.create(user=scientist, role=Role.BOARD, instrument=instrument)
    with pytest.raises(ForbiddenError, match="of their own"):
        waive(failing, scientist)
    assert not Waiver.objects.exists()


def test_terms_of_a_waiver(failing, members, deployer):
    today = timezone.now().date()
    stranger = people.make_person("sam", "observer")
    stranger.role_grants.all().delete()
    for changes, words in (
        ({"reason": " "}, "Say why"),
        ({"effect": ""}, "what effect"),
        ({"expires_on": today - timedelta(days=1)}, "choose a day from today"),
        ({"expires_on": today + timedelta(days=5000)}, "choose a day from today"),
        ({"owner": stranger}, "sam has no role"),
        ({"holds_to": 9.0}, "up to 9 e⁻ does not cover its own failure of 9.1 e⁻"),
        ({"holds_to": float("nan")}, "does not cover"),
        ({"holds_to": float("inf")}, "does not cover"),
        ({"failure": "bias:AMP:MEAN:amplifier:R22:4:C05:0"}, "has no failure"),
    ):
        with pytest.raises(InputError, match=words):
            waive(failing, members[0], **changes)
    assert not Waiver.objects.exists()


def next_candidate(ticket, members, scientist, value):
    """Adopt a ticket, and hail another set that fails in the same place."""
    for member in members:
        services.take_position(ticket, kind=DESPITE, by=member)
    services.adopt(ticket, by=members[0])
    instrument = ticket.construction.instrument
    other = make.make_set("DM-200", owner=scientist, instrument=instrument)
    cluster = make.make_cluster(value=value)
    report = make.make_report(other, clusters=[("bias", cluster)])
    return services.hail(other, report=report, by=scientist)


@pytest.mark.parametrize(
    ("value", "state", "words"),
    [
        (9.1, CoverState.WAIVED, "on TAXICAB-1, the same now"),
        (9.0, CoverState.WAIVED, "on TAXICAB-1, 1.1 % better now"),
        # 5 % is allowed where the scatter over exposures is not known.
        (9.373, CoverState.WAIVED, "up to 9.555 e⁻, on TAXICAB-1, 3 % worse now"),
        (9.6, CoverState.LAPSED, "waived before up to 9.555 e⁻, 5.5 % worse now"),
    ],
)
def test_the_next_candidate_shows_the_waiver(
    failing, members, scientist, value, state, words
):
    waive(failing, members[0])
    ticket = next_candidate(failing, members, scientist, value)
    (cover,) = services.deliberation_of(ticket).covers
    assert cover.state is state
    assert words in cover.sentence


def test_who_waives_says_up_to_what(failing, members, scientist):
    waiver = waive(failing, members[0], holds_to=9.2)
    assert waiver.holds_to == 9.2
    event = AuditEvent.objects.get(action="waiver written")
    assert event.details["holds_to"] == 9.2
    ticket = next_candidate(failing, members, scientist, 9.25)
    (cover,) = services.deliberation_of(ticket).covers
    assert (cover.state, "up to 9.2 e⁻" in cover.sentence) == (CoverState.LAPSED, True)
    (frozen,) = failing.record.record["waivers"]
    assert (frozen["holds_to"], frozen["value"]) == (9.2, 9.1)


def test_by_default_the_scatter_over_exposures_is_allowed(
    construction, seal, scientist, members
):
    report = seal(construction, ("bias", evidence.EXPOSURES[:5]))
    ticket = services.hail(construction, report=report, by=scientist)
    covers = services.deliberation_of(ticket).covers
    by_name = {cover.failure.sentence: cover.failure for cover in covers}
    # It fails on two of five exposures, each time by as much: 5.6 e⁻ in the middle.
    key = next(k for k in by_name if "R22_S22 C17" in k)
    failure = by_name[key]
    values = values_at_worst(
        {
            name: getattr(failure, name)
            for name in ("level", "test", "exposure", "raft", "detector", "amplifier")
        },
        "bias",
        report,
    )
    waiver = waive(ticket, members[0], failure=failure.key)
    assert waiver.holds_to == failure.value + default_allowance(failure.value, values)
    assert waiver.holds_to > failure.value * 1.05
    # What has no number has no such number either.
    (gone,) = [c.failure for c in covers if c.failure.kind == "unmeasured"]
    with pytest.raises(InputError, match="there is no number"):
        waive(ticket, members[0], failure=gone.key, holds_to=1.0)
    waiver = waive(ticket, members[0], failure=gone.key)
    assert (waiver.holds_to, waiver.tests) == (None, list(gone.tests))
    assert "R22_S02 C00" in waiver.scope
    # Images that were not kept are accepted by number.
    absent = next(c.failure for c in covers if c.failure.kind == "missing")
    waiver = waive(ticket, members[0], failure=absent.key)
    assert waiver.holds_to == waiver.value == absent.value


def test_an_authors_waiver_does_not_cover_their_own_set(
    failing, members, scientist, instrument
):
    waive(failing, members[0])
    ticket = next_candidate(failing, members, scientist, 9.1)
    ticket.construction.generations.update(created_by=members[0])
    (cover,) = services.deliberation_of(ticket).covers
    assert (cover.state, "has a part" in cover.sentence) == (CoverState.LAPSED, True)


def test_a_waiver_is_withdrawn_and_stays_on_record(failing, members):
    waiver = waive(failing, members[0])
    services.withdraw_waiver(waiver, by=members[1], reason="It grew overnight.")
    assert "waivers" in missing(failing)
    assert (waiver.withdrawn_by, waiver.reason) == (
        members[1],
        "Known since it was installed.",
    )
    with pytest.raises(ConflictError, match="withdrawn already"):
        services.withdraw_waiver(waiver, by=members[0], reason="Again.")
    waive(failing, members[0], reason="Looked at again.")
    assert "waivers" not in missing(failing)


# --- New evidence -------------------------------------------------------------------


def test_only_positions_whose_parts_changed_become_stale(
    hailed, construction, members, rosa, scientist
):
    ines, tomas = members
    services.take_position(hailed, kind=ADOPT, by=ines)
    services.take_position(hailed, kind=ADOPT, parts=["bias"], by=tomas)
    services.take_position(hailed, kind=ADOPT, parts=["dark"], by=rosa)
    report = make.make_report(construction, contents={"dark": "verified again"})
    other = people.make_person("paul", "calibration_team", construction.instrument)
    with pytest.raises(ForbiddenError, match="was hailed by nora"):
        services.replace_report(hailed, report=report, by=other)
    stale = services.replace_report(hailed, report=report, by=scientist)
    assert {(v.row.member.username, v.stale) for v in stale} == {
        ("ines", ("dark",)),
        ("rosa", ("dark",)),
    }
    hailed.refresh_from_db()
    assert hailed.report == report
    lines = {line.code: line for line in services.consensus_of(hailed).requirements}
    assert lines["adoptions"].sentence.startswith("dark: 0 of 2 adopt positions")
    assert "ines: dark; rosa: dark" in lines["stale"].sentence
    # Their authors are told; whose part is the same is not.
    assert set(ines.notices.values_list("event", flat=True)) >= {"stale"}
    assert rosa.notices.filter(event="stale").exists()
    assert not tomas.notices.filter(event="stale").exists()
    # Looking again makes it current.
    services.take_position(hailed, kind=ADOPT, by=ines)
    assert [v.row.member for v in services.deliberation_of(hailed).positions if v.stale]


def test_equal_evidence_makes_nothing_stale(hailed, construction, members, scientist):
    services.take_position(hailed, kind=ADOPT, by=members[0])
    report = make.make_report(construction)
    assert services.replace_report(hailed, report=report, by=scientist) == []
    with pytest.raises(ConflictError, match="choose a newer one"):
        services.replace_report(hailed, report=report, by=scientist)


def test_nobody_is_bound_to_what_came_while_they_read(
    failing, construction, members, rosa, scientist
):
    seen = failing.report.sha256
    report = make.make_report(
        construction,
        clusters=[("bias", make.make_cluster(value=12.0))],
        contents={"bias": "worse"},
    )
    services.replace_report(failing, report=report, by=scientist)
    for act in (
        lambda: services.take_position(failing, kind=DESPITE, seen=seen, by=rosa),
        lambda: services.raise_objection(failing, reason="No.", seen=seen, by=rosa),
        lambda: waive(failing, rosa, seen=seen),
    ):
        with pytest.raises(ConflictError, match="another report while you were"):
            act()
    assert not failing.positions.exists()


# --- Who must be heard --------------------------------------------------------------


def test_who_must_be_heard_on_a_type(hailed, members, rosa, instrument):
    RequiredVoice.objects.create(user=rosa, instrument=instrument, calib_type="dark")
    RequiredVoice.objects.create(user=rosa, instrument=instrument, calib_type="ptc")
    for member in members:
        services.take_position(hailed, kind=ADOPT, by=member)
    (line,) = services.consensus_of(hailed).blockers
    assert line.sentence == "Still to be heard: rosa on dark."
    services.take_position(hailed, kind="abstain", parts=["dark"], by=rosa)
    assert services.consensus_of(hailed).is_reached
    # Who left the board is not waited for.
    hailed.positions.filter(member=rosa).delete()
    rosa.role_grants.all().delete()
    assert services.consensus_of(hailed).is_reached


def test_changed_code_is_reviewed_before_adoption(hailed, members, construction):
    for member in members:
        services.take_position(hailed, kind=ADOPT, by=member)
    construction.has_code_changes = True
    construction.code_change_reason = "Not a release."
    construction.save()
    hailed.construction.refresh_from_db()
    assert missing(hailed) == "code"
    with pytest.raises(ConflictError, match="not reviewed"):
        services.adopt(hailed, by=members[0])
    construction.refresh_from_db()
    assert construction.stage == ConstructionStage.HAILED
