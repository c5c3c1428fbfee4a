"""The board's decisions: adopted, or rejected and sent back."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from calibrations.models import ConstructionTicket
from calibrations.services.construction import mark_reviewed, send_back
from taxicab.board.models import TaxicabStage, TaxicabTicket
from taxicab.board.services.authors import check_not_author
from taxicab.board.services.consensus import consensus_of
from taxicab.board.services.hailing import check_reason, lock_open, subject_of
from taxicab.board.services.records import freeze_record
from taxicab.board.services.telling import tell_decided
from taxicab.core.roles import Action
from taxicab.core.services.audit import move
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError

__all__ = ["adopt", "reject"]


def adopt(ticket: TaxicabTicket, *, by: User, reason: str = "") -> TaxicabTicket:
    """Adopt a set on which the board agrees.

    Raises
    ------
    ConflictError
        Raised while there is no consensus, with what is missing; or if somebody
        decided, or objected, a moment ago.
    """
    check_may(by, Action.DECIDE, ticket.construction.instrument)
    check_not_author(ticket, by)
    try:
        with transaction.atomic():
            lock_open(ticket)
            consensus = consensus_of(ticket)
            if not consensus.is_reached:
                raise ConflictError(
                    f"{ticket.key} cannot be adopted yet. {consensus.sentence}",
                    missing=[line.code for line in consensus.blockers],
                )
            return _adopt(ticket, by, reason)
    except IntegrityError as error:  # the trigger: an objection this code did not see
        raise ConflictError(
            f"An objection stands on {ticket.key}: the database refuses its adoption."
        ) from error


def reject(ticket: TaxicabTicket, *, by: User, reason: str) -> TaxicabTicket:
    """Reject a set; its construction ticket goes back for another iteration."""
    check_may(by, Action.DECIDE, ticket.construction.instrument)
    check_not_author(ticket, by)
    check_reason(reason)
    with transaction.atomic():
        lock_open(ticket)
        why = f"{ticket.key} was rejected: {reason}"
        send_back(ticket.construction, by=by, why=why)
        return _decide(ticket, TaxicabStage.REJECTED, by, reason)


def _adopt(ticket: TaxicabTicket, by: User, reason: str) -> TaxicabTicket:
    why = f"Adopted as {ticket.key}; {_review(ticket.construction)}."
    mark_reviewed(ticket.construction, by=by, why=why)
    return _decide(ticket, TaxicabStage.ADOPTED, by, reason)


def _review(construction: ConstructionTicket) -> str:
    """Say what the mark rests on: adoption reviews no code (DMTN-222 §3.7)."""
    if not construction.has_code_changes:
        return "no code was changed, so this is its review"
    reviewed_at = construction.code_reviewed_at
    on = f" on {reviewed_at:%Y-%m-%d}" if reviewed_at else ""
    return f"its code was reviewed by {construction.code_reviewer}{on}"


def _decide(
    ticket: TaxicabTicket, to: TaxicabStage, by: User, reason: str
) -> TaxicabTicket:
    decided = move(
        ticket,
        field="stage",
        to=to,
        by=by,
        subject=subject_of(ticket),
        why=reason.strip(),
        decided_by=by,
        decided_at=timezone.now(),
        decision_reason=reason.strip(),
    )
    freeze_record(decided)
    tell_decided(decided, by=by)
    return decided
