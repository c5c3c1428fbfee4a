"""Writing the audit trail and moving rows: one place, one transaction."""

from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models, transaction

from taxicab.core.models import AuditEvent
from taxicab.errors import ConflictError

__all__ = ["StaleMoveError", "move", "record"]

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
    return AuditEvent.objects.create(
        user=by,
        subject_kind=subject[0],
        subject_key=subject[1],
        action=action,
        before=before,
        after=after,
        why=why,
        details=details,
    )


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
