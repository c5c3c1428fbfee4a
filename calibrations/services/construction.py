"""The construction ticket: opening it, its code review, its stages (DMTN-222 §3)."""

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError, transaction
from django.utils import timezone

from calibrations.domain.names import check_names_fit, check_tag, check_ticket
from calibrations.domain.versions import unreleased
from calibrations.models import ConstructionStage, ConstructionTicket
from calibrations.services.orders import chosen_graph
from calibrations.services.repositories import build_repository, check_builds
from calibrations.services.steps import check_building, subject_of
from taxicab.core.models import Instrument
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.permissions import check_may, may
from taxicab.errors import ConflictError, ForbiddenError, InputError

__all__ = [
    "check_code_reviewed",
    "check_url",
    "declare_code_changes",
    "mark_hailed",
    "mark_reviewed",
    "note_versions",
    "open_ticket",
    "record_code_review",
    "send_back",
    "take_back",
    "withdraw",
]


def open_ticket(
    *,
    key: str,
    instrument: Instrument,
    tag: str,
    reason: str,
    owner: User,
    url: str = "",
    has_code_changes: bool = False,
    code_review_url: str = "",
    code_reviewer: User | None = None,
) -> ConstructionTicket:
    """Open a ticket for a set of calibrations; it is built at the one place for that.

    Raises
    ------
    ConflictError
        Raised if the key is in use, or calibrations cannot be built there.
    """
    check_may(owner, Action.BUILD, instrument)
    key = check_ticket(key)
    _check_text("the reason", reason)
    check_url("the ticket's address", url)
    tag = check_tag(tag)
    repository = build_repository(instrument)
    graph = chosen_graph(repository, instrument.name)
    check_names_fit(instrument.name, key, tag, graph.types)
    ticket = ConstructionTicket(
        key=key,
        instrument=instrument,
        repository=repository,
        graph=graph.name,
        tag=tag,
        reason=reason.strip(),
        owner=owner,
        url=url,
        has_code_changes=has_code_changes,
    )
    check_builds(ticket.repository)
    if has_code_changes:
        _name_review(ticket, code_review_url, code_reviewer)
        ticket.code_change_reason = "Said when the ticket was opened."
    try:
        with transaction.atomic():
            ticket.save()
            record(
                by=owner,
                subject=subject_of(ticket),
                action="opened",
                after=ticket.stage,
                why=ticket.reason,
            )
    except IntegrityError:
        taken = ConstructionTicket.objects.select_related("owner").get(key=key)
        raise ConflictError(
            f"{key} is in use: {taken.owner} opened it for {taken.instrument_id} "
            f"{taken.tag!r}. A set of calibrations has a ticket of its own.",
            key=key,
        ) from None
    return ticket


@transaction.atomic
def declare_code_changes(
    ticket: ConstructionTicket,
    *,
    reason: str,
    code_review_url: str,
    code_reviewer: User,
    by: User,
) -> ConstructionTicket:
    """Say that code was changed, where its review is and who reviews it."""
    check_may(by, Action.BUILD, ticket.instrument)
    check_building(ticket)
    _check_text("what was changed", reason)
    _name_review(ticket, code_review_url, code_reviewer)
    changes = {
        "has_code_changes": True,
        "code_change_reason": _join(ticket.code_change_reason, reason.strip()),
        "code_review_url": code_review_url,
        "code_reviewer": code_reviewer,
        "code_reviewed_at": None,
    }
    ConstructionTicket.objects.filter(pk=ticket.pk).update(**changes)
    record(
        by=by,
        subject=subject_of(ticket),
        action="code changes declared",
        after=f"review by {code_reviewer.get_username()}",
        why=reason,
        code_review_url=code_review_url,
    )
    ticket.refresh_from_db()
    return ticket


@transaction.atomic
def note_versions(ticket: ConstructionTicket, versions: dict[str, str]) -> None:
    """Count software that is no release as a code change, with the reason recorded.

    A review that was made before this software was there does not cover it.
    """
    names = ", ".join(f"{name} {v}" for name, v in unreleased(versions).items())
    reason = f"Not a release: {names}."
    ticket.refresh_from_db()
    if not names or reason in ticket.code_change_reason:
        return
    ConstructionTicket.objects.filter(pk=ticket.pk).update(
        has_code_changes=True,
        code_change_reason=_join(ticket.code_change_reason, reason),
        code_reviewed_at=None,
    )
    record(
        by=None,
        subject=subject_of(ticket),
        action="code changes found",
        before="changed" if ticket.has_code_changes else "unchanged",
        after="changed",
        why=reason,
    )
    ticket.refresh_from_db()


@transaction.atomic
def record_code_review(ticket: ConstructionTicket, *, by: User) -> ConstructionTicket:
    """Record that the reviewer finds the changed code right."""
    check_may(by, Action.READ, ticket.instrument)
    if not ticket.has_code_changes:
        raise ConflictError(f"No code was changed for {ticket.key}: nothing to review.")
    if ticket.code_reviewer is None:
        raise ConflictError(
            f"Nobody is named to review the code of {ticket.key}: its owner names a "
            "reviewer and the review's link first."
        )
    if by != ticket.code_reviewer:
        raise ForbiddenError(
            f"The code of {ticket.key} is reviewed by {ticket.code_reviewer}, not by "
            f"{by.get_username()}."
        )
    reviewed = ConstructionTicket.objects.filter(
        pk=ticket.pk, code_reviewed_at=None, code_reviewer=ticket.code_reviewer
    ).update(code_reviewed_at=timezone.now())
    if not reviewed:
        raise ConflictError(f"The code of {ticket.key} is reviewed already.")
    record(
        by=by,
        subject=subject_of(ticket),
        action="code reviewed",
        before="unreviewed",
        after="reviewed",
        why=ticket.code_change_reason,
    )
    ticket.refresh_from_db()
    return ticket


def check_code_reviewed(ticket: ConstructionTicket) -> None:
    """Refuse to go on while changed code is unreviewed."""
    if not ticket.has_code_changes or ticket.code_reviewed_at is not None:
        return
    who = ticket.code_reviewer or "a reviewer, whom its owner has still to name,"
    raise ConflictError(
        f"Code was changed for {ticket.key} ({ticket.code_change_reason}) and is not "
        f"reviewed: {who} records the review first."
    )


def mark_hailed(
    ticket: ConstructionTicket, *, by: User, why: str = ""
) -> ConstructionTicket:
    """Move a ticket to the board."""
    check_may(by, Action.HAIL, ticket.instrument)
    check_building(ticket)
    check_code_reviewed(ticket)
    return _advance(ticket, ConstructionStage.HAILED, by=by, why=why)


def take_back(ticket: ConstructionTicket, *, by: User, why: str) -> ConstructionTicket:
    """Move a hailed ticket back to building, undecided, in the same iteration."""
    check_may(by, Action.HAIL, ticket.instrument)
    _check_hailed(ticket)
    return _advance(ticket, ConstructionStage.BUILDING, by=by, why=why)


def mark_reviewed(
    ticket: ConstructionTicket, *, by: User, why: str = ""
) -> ConstructionTicket:
    """Record that the board adopted the set."""
    _check_decides(ticket, by)
    return _advance(ticket, ConstructionStage.REVIEWED, by=by, why=why)


def send_back(ticket: ConstructionTicket, *, by: User, why: str) -> ConstructionTicket:
    """Return a rejected set to its builders for another iteration."""
    _check_decides(ticket, by)
    return _advance(
        ticket,
        ConstructionStage.BUILDING,
        by=by,
        why=why,
        iteration=ticket.iteration + 1,
    )


def withdraw(ticket: ConstructionTicket, *, by: User, why: str) -> ConstructionTicket:
    """Give a set up; its collections stay until somebody removes them."""
    check_may(by, Action.BUILD, ticket.instrument)
    check_building(ticket)
    _check_text("the reason", why)
    return _advance(ticket, ConstructionStage.WITHDRAWN, by=by, why=why)


def _advance(
    ticket: ConstructionTicket,
    to: ConstructionStage,
    *,
    by: User,
    why: str,
    **changes: int,
) -> ConstructionTicket:
    return move(
        ticket,
        field="stage",
        to=to,
        by=by,
        subject=subject_of(ticket),
        why=why,
        **changes,
    )


def _check_decides(ticket: ConstructionTicket, by: User) -> None:
    check_may(by, Action.DECIDE, ticket.instrument)
    if by == ticket.owner:
        raise ForbiddenError(
            f"{ticket.key} is {by.get_username()}'s own: nobody decides on a ticket of "
            "their own."
        )
    _check_hailed(ticket)


def _check_hailed(ticket: ConstructionTicket) -> None:
    if ticket.stage != ConstructionStage.HAILED:
        raise ConflictError(
            f"{ticket.key} is {ticket.stage}, not before the board: hail it first."
        )


def _name_review(ticket: ConstructionTicket, url: str, reviewer: User | None) -> None:
    """Put the review's link and the reviewer on a ticket that is not saved yet."""
    if not url or reviewer is None:
        raise InputError(
            "Where code was changed, give the link of its review and a reviewer."
        )
    check_url("the review's link", url)
    if reviewer == ticket.owner:
        raise InputError(
            f"{reviewer.get_username()} owns the ticket: the reviewer is somebody else."
        )
    if not may(reviewer, Action.READ, ticket.instrument):
        raise InputError(
            f"{reviewer.get_username()} has no role for {ticket.instrument_id}, so "
            "could not read what there is to review."
        )
    ticket.code_review_url, ticket.code_reviewer = url, reviewer


def check_url(what: str, url: str) -> None:
    """Refuse an address that is no link, or longer than what is kept of one."""
    longest = ConstructionTicket._meta.get_field("url").max_length
    if longest and len(url) > longest:
        raise InputError(
            f"{what.capitalize()} has {len(url)} characters; {longest} are kept."
        )
    try:
        if url:
            URLValidator(schemes=["http", "https"])(url)
    except ValidationError:
        raise InputError(
            f"{url!r} cannot be {what}: give an http(s) address."
        ) from None


def _check_text(what: str, text: str) -> None:
    if not text.strip():
        raise InputError(f"Give {what}: the record of the ticket needs it.")


def _join(before: str, after: str) -> str:
    return after if not before else f"{before} {after}"
