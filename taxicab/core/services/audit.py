"""Writing the audit trail and moving rows: one place, one transaction."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import connection, models, transaction

from taxicab.core.domain.chain import Entry, Head, find_breaks, hash_fields, hash_link
from taxicab.core.models import AuditEvent, AuditHead
from taxicab.errors import ConflictError

__all__ = ["StaleMoveError", "audit_head", "find_audit_faults", "move", "record"]

Row = TypeVar("Row", bound=models.Model)


class StaleMoveError(ConflictError):
    """Somebody else moved the row first."""

    error = "moved_meanwhile"

    def __init__(self, row: models.Model, *, expected: str, found: str) -> None:
        super().__init__(
            f"{row} is no longer {expected!r}: it is {found!r} now. Somebody else "
            "moved it a moment ago; look again and decide anew.",
            expected=expected,
            found=found,
        )


@transaction.atomic
def record(
    *,
    by: User | None,
    subject: tuple[str, str],
    action: str,
    before: str = "",
    after: str = "",
    why: str = "",
    **details: Any,
) -> AuditEvent:
    """Write one audit event; the caller holds the transaction of the change.

    Parameters
    ----------
    by
        Who did it; `None` for the portal itself.
    subject
        Kind and key: ``("construction", "DM-47447")``.
    """
    event = AuditEvent(
        user=by,
        subject_kind=str(subject[0]),
        subject_key=str(subject[1]),
        action=str(action),
        before=str(before),
        after=str(after),
        why=str(why),
        details=details,
    )
    event.content_sha256 = hash_fields(event.hashed_fields())
    if connection.vendor != "postgresql":
        _chain(event)
    event.save(force_insert=True)
    return event


def audit_head() -> Head:
    """Say where the chain ends; whoever keeps it elsewhere can prove it later."""
    found = AuditHead.objects.first()
    return Head(found.number, found.sha256) if found else Head()


def find_audit_faults() -> Iterator[str]:
    """Name every audit event that was altered, is missing or was moved."""
    rows = AuditEvent.objects.order_by(models.F("number").asc(nulls_first=True), "pk")
    entries = (
        Entry(
            number=row.number,
            name=f"event {row.pk}, {row.subject_key}: {row.action}",
            fields=row.hashed_fields(),
            content_sha256=row.content_sha256,
            previous_sha256=row.previous_sha256,
            sha256=row.sha256,
        )
        for row in rows.iterator()
    )
    return find_breaks(entries, audit_head())


def _chain(event: AuditEvent) -> None:
    """Put an event at the end of the chain, in a transaction that writes alone.

    On PostgreSQL two transactions write side by side, and whoever held the head until
    the end of a long one could wait for a row that another holds: there a deferred
    trigger chains, at the commit.
    """
    head = AuditHead.objects.get_or_create(pk=1)[0]
    event.number = head.number + 1
    event.previous_sha256 = head.sha256
    event.sha256 = hash_link(head.sha256, event.number, event.content_sha256)
    AuditHead.objects.filter(pk=1).update(number=event.number, sha256=event.sha256)


@transaction.atomic
def move(
    row: Row,
    *,
    field: str,
    to: str,
    by: User | None,
    subject: tuple[str, str],
    why: str = "",
    **changes: Any,
) -> Row:
    """Move a row from the state it was read in to another, and record it.

    The update names the state it comes from, because SQLite has no row locks: of
    two people who move at once, one wins and the other is told.

    Parameters
    ----------
    row
        As it was read; its ``field`` is the state the move starts from.
    changes
        Other fields to set with it.

    Raises
    ------
    StaleMoveError
        Raised if the row has left that state meanwhile.
    """
    before = getattr(row, field)
    manager = type(row)._default_manager
    moved = manager.filter(pk=row.pk, **{field: before}).update(
        **{field: to}, **changes
    )
    if not moved:
        found = manager.values_list(field, flat=True).get(pk=row.pk)
        raise StaleMoveError(row, expected=str(before), found=str(found))
    record(
        by=by,
        subject=subject,
        action=f"{field} → {to}",
        before=str(before),
        after=str(to),
        why=why,
    )
    row.refresh_from_db()
    return row
