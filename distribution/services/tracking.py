"""The tracking table: every TAXICAB ticket and where its set is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F, QuerySet

from calibrations.domain.names import ticket_chain
from distribution.domain import find_difference
from distribution.models import (
    DeploymentTarget,
    DeploymentTicket,
    RepositorySnapshot,
    TargetStatus,
)
from taxicab.board.models import TaxicabTicket
from taxicab.core.models import Job, Repository
from taxicab.core.services.permissions import readable_instruments

__all__ = [
    "SORTS",
    "STATES",
    "LastLook",
    "TrackingCell",
    "TrackingRow",
    "build_rows",
    "in_state",
    "last_looks",
    "sort_tickets",
    "tracked_repositories",
    "tracked_tickets",
    "tracking_rows",
]

NOT_PLANNED = "not planned"
NOT_HELD = "not held"
"""The repository has no data of that camera."""
NOT_CONNECTED = "not connected"
DIFFERS = "differs"
"""Its own workers saw another default chain than what was done there leaves."""

STATES = (*(status.value for status in TargetStatus), DIFFERS)
"""What a row can be looked for by: its state at some repository."""

SORTS = {
    "taxicab": "number",
    "instrument": "construction__instrument_id",
    "construction": "construction__key",
    "deployment": "deployment__key",
    "stage": "stage",
    "hailed": "hailed_at",
    "decided": "decided_at",
}
"""What rows are sorted by, and by which field."""

Columns = list[tuple[Repository, set[str]]]
Snapshots = dict[tuple[int, str], RepositorySnapshot]


@dataclass(frozen=True)
class TrackingCell:
    """What one repository has of one set."""

    repository: str
    facility: str
    path: str
    status: str
    """A target's status, ``differs``, ``not planned``, ``not held`` or ``not
    connected``."""
    since: datetime | None = None
    reason: str = ""
    """Why it was skipped, or how it differs."""


@dataclass(frozen=True)
class TrackingRow:
    """One TAXICAB ticket, its two others, and its state at every repository."""

    taxicab: str
    instrument: str
    construction: str
    deployment: str
    """Empty while none is filed."""
    stage: str
    decision: str
    decided_at: datetime | None
    hailed_at: datetime
    deployment_stage: str
    cells: tuple[TrackingCell, ...]
    """One a repository, in the order of `tracked_repositories`."""


@dataclass(frozen=True)
class LastLook:
    """When a repository's workers last looked what its default chain holds."""

    repository: Repository
    instrument: str
    at: datetime | None
    is_old: bool
    """Too long ago, or never: *differs* is not told of it."""
    is_under_way: bool
    """Somebody asked for a look that is not over."""


def tracked_repositories() -> list[Repository]:
    """List the columns: every repository, facility by facility."""
    return list(
        Repository.objects.select_related("facility").prefetch_related("instruments")
    )


def tracked_tickets(
    user: User | AnonymousUser,
) -> "QuerySet[TaxicabTicket]":
    """Find the rows somebody may read, newest first, with all that they show."""
    return (
        TaxicabTicket.objects.filter(
            construction__instrument__in=readable_instruments(user)
        )
        .select_related("construction", "deployment")
        .prefetch_related("deployment__targets")
        .order_by("-number")
    )


def last_looks(user: User | AnonymousUser) -> list[LastLook]:
    """Say when each connected repository was looked at last, camera by camera."""
    instruments = {row.pk: row for row in readable_instruments(user)}
    seen = {
        (one.repository_id, one.instrument_id): one
        for one in RepositorySnapshot.objects.defer("collections", "chain")
    }
    asked = {
        (job.repository_id, job.parameters.get("instrument"))
        for job in Job.objects.unfinished().filter(kind="snapshot")
    }
    found = []
    for repository in tracked_repositories():
        for instrument in repository.instruments.all():
            if repository.is_connected and instrument.pk in instruments:
                place = (repository.pk, instrument.pk)
                snapshot = seen.get(place)
                found.append(
                    LastLook(
                        repository,
                        instrument.pk,
                        snapshot.taken_at if snapshot else None,
                        is_old=snapshot is None or snapshot.is_old,
                        is_under_way=place in asked,
                    )
                )
    return found


def tracking_rows(user: User | AnonymousUser) -> list[TrackingRow]:
    """Build the whole table in a handful of queries, however long it is."""
    return build_rows(tracked_tickets(user))


def build_rows(tickets: Iterable[TaxicabTicket]) -> list[TrackingRow]:
    """Build rows of tickets as `tracked_tickets` gives them."""
    columns: Columns = [
        (repository, {instrument.name for instrument in repository.instruments.all()})
        for repository in tracked_repositories()
    ]
    seen = _snapshots()
    return [_build_row(ticket, columns, seen) for ticket in tickets]


def sort_tickets(
    tickets: "QuerySet[TaxicabTicket]", by: str
) -> "QuerySet[TaxicabTicket]":
    """Sort the rows by one of `SORTS`, downwards after a ``-``; empty fields last."""
    field = F(SORTS[by.removeprefix("-")])
    ordered = field.asc(nulls_last=True)
    if by.startswith("-"):
        ordered = field.desc(nulls_last=True)
    return tickets.order_by(ordered, "-number")


def in_state(
    tickets: "QuerySet[TaxicabTicket]", state: str
) -> "QuerySet[TaxicabTicket]":
    """Leave the rows that have a state at some repository, one of `STATES`."""
    rows = tickets
    if state != DIFFERS:  # the database knows all of these, and perhaps some too many
        targets = DeploymentTarget.objects.filter(status=state)
        rows = rows.filter(pk__in=targets.values("deployment__taxicab"))
    numbers = [
        ticket.number
        for ticket, row in zip(rows, build_rows(rows), strict=True)
        if any(cell.status == state for cell in row.cells)
    ]
    return tickets.filter(number__in=numbers)


def _snapshots() -> Snapshots:
    """Find what repositories held when their workers last looked, unless long ago."""
    return {
        (one.repository_id, one.instrument_id): one
        for one in RepositorySnapshot.objects.defer("collections")
        if not one.is_old
    }


def _build_row(ticket: TaxicabTicket, columns: Columns, seen: Snapshots) -> TrackingRow:
    deployment: DeploymentTicket | None = getattr(ticket, "deployment", None)
    construction = ticket.construction
    return TrackingRow(
        taxicab=ticket.key,
        instrument=construction.instrument_id,
        construction=construction.key,
        deployment=deployment.key if deployment else "",
        stage=ticket.stage,
        decision=ticket.decision_reason,
        decided_at=ticket.decided_at,
        hailed_at=ticket.hailed_at,
        deployment_stage=deployment.stage if deployment else "",
        cells=tuple(
            _build_cell(
                ticket,
                repository,
                deployment,
                is_held=construction.instrument_id in held,
                seen=seen.get((repository.pk, construction.instrument_id)),
            )
            for repository, held in columns
        ),
    )


def _build_cell(
    ticket: TaxicabTicket,
    repository: Repository,
    deployment: DeploymentTicket | None,
    *,
    is_held: bool,
    seen: RepositorySnapshot | None,
) -> TrackingCell:
    names = (repository.slug, repository.facility.name, repository.path)
    targets = deployment.targets.all() if deployment else ()
    target = next((t for t in targets if t.repository_id == repository.pk), None)
    if seen and (difference := _difference(ticket, target, seen)):
        return TrackingCell(*names, DIFFERS, seen.taken_at, difference)
    if target:
        skipped = target.status == TargetStatus.SKIPPED
        reason = target.skip_reason if skipped else ""
        return TrackingCell(*names, target.status, target.changed_at, reason)
    if not is_held:
        return TrackingCell(*names, NOT_HELD)
    return TrackingCell(
        *names, NOT_PLANNED if repository.is_connected else NOT_CONNECTED
    )


def _difference(
    ticket: TaxicabTicket, target: DeploymentTarget | None, seen: RepositorySnapshot
) -> str:
    if target is not None and seen.taken_at < target.changed_at:
        return ""
    construction = ticket.construction
    child = ticket_chain(construction.instrument_id, construction.key)
    status = TargetStatus(target.status) if target else None
    return find_difference(status, is_served=child in seen.chain)
