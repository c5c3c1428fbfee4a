"""The dashboard: what waits for somebody, what runs, what the sites serve.

It looks into every application, so it stands above them, beside the addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from calibrations.models import ConstructionStage, ConstructionTicket
from calibrations.services.consequences import AdoptedSets, adopted_sets
from calibrations.services.overview import TypeNode, type_nodes
from distribution.models import (
    DeploymentStage,
    DeploymentTarget,
    DeploymentTicket,
    TargetStatus,
)
from reports.models import ReportStatus
from taxicab.board.models import ProcessingTask, TaskStatus, TaxicabStage, TaxicabTicket
from taxicab.board.services import authors_of, awaiting_position, deliberation_of
from taxicab.board.services.meetings import upcoming
from taxicab.core.models import Instrument, Repository
from taxicab.core.pages import POLL_ENDED, signed_in
from taxicab.core.roles import Action
from taxicab.core.services.permissions import may, readable_instruments
from taxicab.core.services.subjects import readable_jobs, readable_repositories

__all__ = ["dashboard", "running"]


@dataclass(frozen=True)
class Waiting:
    """One thing that waits for a person."""

    state: str
    kind: str
    key: str
    sentence: str
    why: str = ""


@dataclass(frozen=True)
class Site:
    """What a connected repository serves of an instrument, as deployed here."""

    repository: Repository
    instrument: str
    target: DeploymentTarget | None
    n_behind: int
    """Adopted sets that it has not got."""


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show what waits for the person, what runs, and the sites."""
    context = {
        "waiting": list(_waiting(signed_in(request))),
        "jobs": readable_jobs(request.user).listed().unfinished()[:12],
        "failed": readable_jobs(request.user).listed().filter(status="failed")[:5],
        "sites": _sites(signed_in(request)),
        "upcoming": upcoming(request.user),
    }
    return render(request, "core/dashboard.html", context)


@require_safe
def running(request: HttpRequest) -> HttpResponse:
    """Answer the poll of the running jobs; 286 once there is none."""
    jobs = readable_jobs(request.user).listed().unfinished()[:12]
    status = 200 if jobs else POLL_ENDED
    return render(request, "core/_running.html", {"jobs": jobs}, status=status)


def _waiting(user: User) -> Iterator[Waiting]:
    yield from _board(user)
    yield from _construction(user)
    yield from _deployment(user)


def _board(user: User) -> Iterator[Waiting]:
    for ticket in awaiting_position(user):
        voices = {voice.member for voice in deliberation_of(ticket).voices}
        needed = user.get_username() in voices
        yield Waiting(
            "waiting",
            "taxicab",
            ticket.key,
            "has no position of yours yet" + (", and needs one" if needed else ""),
            ticket.construction.reason,
        )
    for ticket in TaxicabTicket.objects.open().select_related(
        "construction__instrument", "construction__owner"
    ):
        instrument = ticket.construction.instrument
        if not may(user, Action.DECIDE, instrument) or user in authors_of(ticket):
            continue
        deliberation = deliberation_of(ticket)
        for one in deliberation.positions:
            if one.stale and one.row.member == user:
                yield Waiting(
                    "stale",
                    "taxicab",
                    ticket.key,
                    f"your position is stale: {', '.join(one.stale)} changed",
                )
        if deliberation.consensus.is_reached:
            yield Waiting(
                "ready", "taxicab", ticket.key, "can be adopted: the board agrees"
            )


def _construction(user: User) -> Iterator[Waiting]:
    reviews = ConstructionTicket.objects.open().filter(
        code_reviewer=user, code_reviewed_at=None, has_code_changes=True
    )
    for ticket in reviews:
        yield Waiting(
            "waiting",
            "construction",
            ticket.key,
            "waits for your review of its code",
            ticket.code_change_reason,
        )
    tasks = ProcessingTask.objects.filter(
        status=TaskStatus.OPEN, construction__owner=user
    )
    for task in tasks.select_related("construction", "asked_by"):
        yield Waiting(
            "waiting",
            "construction",
            task.construction.key,
            f"{task.asked_by} asked for more processing",
            task.text,
        )
    mine = ConstructionTicket.objects.filter(
        owner=user, stage=ConstructionStage.BUILDING
    )
    tickets = list(mine.select_related("instrument"))
    adopted = adopted_sets(tickets)
    for ticket in tickets:
        yield _next_step(ticket, adopted)


def _next_step(ticket: ConstructionTicket, adopted: AdoptedSets) -> Waiting:
    """Say what a ticket needs next."""
    nodes = type_nodes(ticket, adopted)
    node: TypeNode | None = next((n for n in nodes if n.state != "passed"), None)
    if node is None:
        report = ticket.reports.first()
        ready = report is not None and report.status == ReportStatus.READY
        sentence = "has a report: hail the TAXICAB" if ready else "needs a report"
        return Waiting("ready", "construction", ticket.key, sentence, ticket.reason)
    steps = {
        "generated": f"{node.type} is generated: verify it",
        "verified": f"{node.type} is verified: certify it",
    }
    sentence = steps.get(node.word, f"{node.type}: {node.word}")
    return Waiting(node.state, "construction", ticket.key, sentence, ticket.reason)


def _deployment(user: User) -> Iterator[Waiting]:
    adopted = TaxicabTicket.objects.filter(
        stage=TaxicabStage.ADOPTED, deployment=None
    ).select_related("construction__instrument")
    for ticket in adopted:
        if may(user, Action.DEPLOY, ticket.construction.instrument):
            yield Waiting(
                "waiting", "taxicab", ticket.key, "is adopted: file its deployment"
            )
    open_tickets = DeploymentTicket.objects.filter(
        stage__in=(DeploymentStage.FILED, DeploymentStage.DEPLOYING)
    ).detailed()
    for deployment in open_tickets:
        if not may(user, Action.DEPLOY, deployment.taxicab.construction.instrument):
            continue
        failed = [
            str(target.repository)
            for target in deployment.targets.all()
            if target.status == TargetStatus.FAILED
        ]
        if failed:
            sentence = f"failed at {', '.join(failed)}"
            yield Waiting("failed", "deployment", deployment.key, sentence)
        elif (
            deployment.stage == DeploymentStage.FILED
            and deployment.taxicab.stage == TaxicabStage.ADOPTED
        ):
            sentence = f"can be started: {deployment.taxicab.key} is adopted"
            yield Waiting("ready", "deployment", deployment.key, sentence)


def _sites(user: User) -> list[Site]:
    """List what each connected repository serves, of cameras that have sets."""
    sites = []
    cameras = readable_instruments(user).exclude(construction_tickets=None).distinct()
    repositories = readable_repositories(user).exclude(location="")
    for repository in repositories.prefetch_related("instruments"):
        for instrument in cameras.filter(repositories=repository):
            sites.append(_site(repository, instrument))
    return sites


def _site(repository: Repository, instrument: Instrument) -> Site:
    deployed = repository.deployment_targets.filter(
        deployment__taxicab__construction__instrument=instrument,
        status__in=(TargetStatus.DEPLOYED, TargetStatus.WAITING),
    ).select_related("deployment__taxicab__construction")
    target = deployed.order_by("-changed_at").first()
    has = deployed.values("deployment__taxicab")
    adopted = TaxicabTicket.objects.filter(
        construction__instrument=instrument,
        stage__in=(TaxicabStage.ADOPTED, TaxicabStage.IMPLEMENTED),
    )
    skipped = repository.deployment_targets.filter(status=TargetStatus.SKIPPED)
    behind = adopted.exclude(pk__in=has).exclude(
        pk__in=skipped.values("deployment__taxicab")
    )
    return Site(repository, instrument.name, target, behind.count())
