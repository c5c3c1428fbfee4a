"""Waivers: written by board members for one failure each, never edited."""

import math
from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from reports.domain.results import show_number
from taxicab.board.domain import Failure
from taxicab.board.models import TaxicabTicket, Waiver
from taxicab.board.services.authors import check_not_author
from taxicab.board.services.evidence import (
    covers_of,
    find_failure,
    parts_of,
    usual_reach,
)
from taxicab.board.services.hailing import (
    check_reason,
    check_seen,
    lock_open,
    subject_of,
)
from taxicab.core.models import Instrument
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import check_may, may
from taxicab.errors import ConflictError, InputError, NotFoundError

__all__ = ["LONGEST", "find_waiver", "withdraw_waiver", "write_waiver"]

LONGEST = timedelta(days=731)
"""A failure is looked at again within two years, whoever waived it."""


def write_waiver(
    ticket: TaxicabTicket,
    *,
    failure: str,
    reason: str,
    effect: str,
    owner: User,
    expires_on: date,
    holds_to: float | None = None,
    seen: str = "",
    by: User,
) -> Waiver:
    """Accept one failure as it was measured, for a reason and until a day.

    Parameters
    ----------
    failure
        Key of a failure of the ticket's report.
    effect
        What it does to the images, as far as anybody knows.
    owner
        Who sees to it that the cause is mended, or the waiver renewed.
    holds_to
        As bad as the value may get on another candidate before the waiver lapses; by
        default `usual_reach`.
    seen
        SHA-256 of the report that the member saw, if they say which.

    Raises
    ------
    ForbiddenError
        Raised for who has a part in the set, and for who is not on the board.
    ConflictError
        Raised if the failure is waived already, or the ticket decided.
    """
    instrument = ticket.construction.instrument
    check_may(by, Action.WAIVE, instrument)
    check_not_author(ticket, by)
    _check_terms(reason, effect, owner, expires_on, instrument)
    with transaction.atomic():
        lock_open(ticket)
        check_seen(ticket, seen)
        found = find_failure(ticket, failure)
        _check_bare(ticket, found)
        waiver = _write(
            ticket,
            found,
            reason=reason.strip(),
            effect=effect.strip(),
            owner=owner,
            expires_on=expires_on,
            holds_to=_check_reach(ticket, found, holds_to),
            written_by=by,
        )
        record(
            by=by,
            subject=subject_of(ticket),
            action="waiver written",
            after=f"until {expires_on}",
            why=waiver.reason,
            waiver=waiver.pk,
            scope=waiver.scope,
            value=waiver.value,
            holds_to=waiver.holds_to,
            limit=waiver.limit,
            effect=waiver.effect,
            owner=owner.get_username(),
        )
    return waiver


def withdraw_waiver(waiver: Waiver, *, by: User, reason: str) -> Waiver:
    """Take a waiver back: the failure it covered is open again.

    What was decided while it held stays decided; the next candidate needs another.
    """
    ticket = waiver.ticket
    check_may(by, Action.WAIVE, waiver.instrument)
    check_not_author(ticket, by)
    check_reason(reason)
    with transaction.atomic():
        held = TaxicabTicket.objects.select_for_update().get(pk=ticket.pk)
        changed = Waiver.objects.filter(pk=waiver.pk, withdrawn_by=None).update(
            withdrawn_by=by,
            withdrawn_at=timezone.now(),
            withdrawn_why=reason.strip(),
        )
        if not changed:
            raise ConflictError(f"The {waiver} is withdrawn already.")
        record(
            by=by,
            subject=subject_of(held),
            action="waiver withdrawn",
            before=f"until {waiver.expires_on}",
            why=reason.strip(),
            waiver=waiver.pk,
            scope=waiver.scope,
        )
    waiver.refresh_from_db()
    return waiver


def find_waiver(ticket: TaxicabTicket, number: int) -> Waiver:
    """Find a waiver that was written on a ticket by its number."""
    rows = ticket.waivers.select_related("written_by", "owner", "ticket__construction")
    if found := rows.filter(pk=number).first():
        return found
    raise NotFoundError(f"There is no waiver {number} on {ticket.key}.")


def _check_terms(
    reason: str, effect: str, owner: User, expires_on: date, instrument: Instrument
) -> None:
    if not reason.strip() or not effect.strip():
        raise InputError(
            "Say why the failure is accepted, and what effect it is expected to have."
        )
    today = timezone.now().date()
    if not today <= expires_on <= today + LONGEST:
        raise InputError(
            f"{expires_on} cannot be when it expires: choose a day from today to "
            f"{today + LONGEST}, then somebody looks at the failure again."
        )
    if not may(owner, Action.READ, instrument):
        raise InputError(
            f"{owner.get_username()} has no role for {instrument}, so could not see to "
            "what is waived: name somebody who has."
        )


def _check_reach(
    ticket: TaxicabTicket, failure: Failure, holds_to: float | None
) -> float | None:
    """Give how bad the value may get: as was asked, or as is usual."""
    if failure.value is None:
        if holds_to is not None:
            raise InputError(
                f"{failure.sentence}: there is no number, so leave out up to which "
                "one the waiver holds."
            )
        return None
    if holds_to is None:
        return usual_reach(ticket.report, failure)
    if not math.isfinite(holds_to) or holds_to < failure.value:
        raise InputError(
            f"A waiver that holds up to {show_number(holds_to, failure.unit)} does not "
            f"cover its own failure of {show_number(failure.value, failure.unit)}: "
            "name that or more."
        )
    return holds_to


def _check_bare(ticket: TaxicabTicket, failure: Failure) -> None:
    for cover in covers_of(ticket):
        if cover.failure.key == failure.key and cover.state.is_covered:
            raise ConflictError(f"{failure.sentence} is {cover.sentence}.")


def _write(
    ticket: TaxicabTicket,
    failure: Failure,
    **terms: Any,
) -> Waiver:
    hashes = {part.key: part.sha256 for part in parts_of(ticket.report)}
    return Waiver.objects.create(
        instrument=ticket.construction.instrument,
        ticket=ticket,
        report=ticket.report,
        part=failure.part,
        part_sha256=hashes.get(failure.part, ticket.report.sha256),
        calib_type=failure.calib_type,
        physical_filter=failure.physical_filter,
        level=failure.level,
        test=failure.test,
        kind=failure.kind,
        raft=failure.raft,
        detector=failure.detector,
        amplifier=failure.amplifier,
        exposure=failure.exposure,
        tests=list(failure.tests),
        place=failure.place[:200],
        value=failure.value,
        limit=failure.limit,
        unit=failure.unit,
        margin=failure.margin,
        text=failure.text[:200],
        **terms,
    )
