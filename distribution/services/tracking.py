"""The tracking table: every TAXICAB ticket and where its set is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from distribution.models import DeploymentTicket, TargetStatus
from taxicab.board.models import TaxicabTicket
from taxicab.core.models import Repository
from taxicab.core.services.permissions import readable_instruments

__all__ = [
    "TrackingCell",
    "TrackingRow",
    "build_rows",
    "tracked_repositories",
    "tracked_tickets",
    "tracking_rows",
]

NOT_PLANNED = "not planned"
NOT_HELD = "not held"
"""The repository has no data of that camera."""
NOT_CONNECTED = "not connected"


@dataclass(frozen=True)
class TrackingCell:
    """What one repository has of one set."""

    repository: str
    facility: str
    path: str
    status: str
    """A target's status, or ``not planned``, ``not held``, ``not connected``."""
    since: datetime | None = None
    reason: str = ""
    """Why it was skipped."""


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


def tracking_rows(user: User | AnonymousUser) -> list[TrackingRow]:
    """Build the whole table in a handful of queries, however long it is."""
    return build_rows(tracked_tickets(user))


def build_rows(tickets: Iterable[TaxicabTicket]) -> list[TrackingRow]:
    """Build rows of tickets as `tracked_tickets` gives them."""
    columns = [
        (repository, {instrument.name for instrument in repository.instruments.all()})
        for repository in tracked_repositories()
    ]
    return [_build_row(ticket, columns) for ticket in tickets]


def _build_row(
    ticket: TaxicabTicket, columns: list[tuple[Repository, set[str]]]
) -> TrackingRow:
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
                repository, deployment, is_held=construction.instrument_id in held
            )
            for repository, held in columns
        ),
    )


def _build_cell(
    repository: Repository, deployment: DeploymentTicket | None, *, is_held: bool
) -> TrackingCell:
    names = (repository.slug, repository.facility.name, repository.path)
    targets = deployment.targets.all() if deployment else ()
    target = next((t for t in targets if t.repository_id == repository.pk), None)
    if target:
        skipped = target.status == TargetStatus.SKIPPED
        reason = target.skip_reason if skipped else ""
        return TrackingCell(*names, target.status, target.changed_at, reason)
    if not is_held:
        return TrackingCell(*names, NOT_HELD)
    return TrackingCell(
        *names, NOT_PLANNED if repository.is_connected else NOT_CONNECTED
    )
