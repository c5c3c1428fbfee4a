"""What people do with a deployment ticket: file, start, skip, run again, roll back."""

import logging

from celery import Task
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from calibrations.domain.names import check_ticket
from calibrations.services.construction import check_url
from distribution.domain import (
    DeploymentStage,
    DeploymentStepStatus,
    StepKind,
    TargetRepository,
    TargetStatus,
    plan_deployment,
)
from distribution.models import DeploymentStep, DeploymentTarget, DeploymentTicket
from distribution.services.progress import (
    enqueue_next_step,
    enqueue_step,
    raise_revision,
    set_target,
    settle_deployment,
    settle_target,
    subject_of,
)
from taxicab.board.models import TaxicabStage, TaxicabTicket
from taxicab.core.models import Instrument, Job, JobStatus, Repository
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.jobs import cancel_job, enqueue_job
from taxicab.core.services.permissions import check_may, may
from taxicab.errors import ConflictError, InputError

__all__ = [
    "file_deployment",
    "include_target",
    "retry_waiting_self_reviews",
    "roll_back",
    "run_step_again",
    "skip_target",
    "start_deployment",
    "withdraw_deployment",
]

logger = logging.getLogger(__name__)


@transaction.atomic
def file_deployment(
    taxicab: TaxicabTicket, *, key: str, by: User, url: str = ""
) -> DeploymentTicket:
    """File the deployment ticket of a hailed or adopted set, with its plan.

    DMTN-222's checklist has it filed by whoever built the set, before the board
    decides; a deployer may file it as well. It acts only after adoption.
    """
    construction = taxicab.construction
    instrument = construction.instrument
    if not may(by, Action.HAIL, instrument):
        check_may(by, Action.DEPLOY, instrument)
    key = check_ticket(key.strip())
    if key == construction.key:
        raise InputError(
            f"{key} is the construction ticket: a deployment has a ticket of its own."
        )
    check_url("the ticket's address", url)
    taxicab.refresh_from_db()
    if not taxicab.is_open and taxicab.stage != TaxicabStage.ADOPTED:
        raise ConflictError(
            f"{taxicab.key} is {taxicab.stage}: a deployment is filed for a set that "
            "is before the board or adopted by it."
        )
    try:
        with transaction.atomic():
            deployment, before = _file(taxicab, key=key, by=by, url=url)
    except IntegrityError as error:
        raise _already_filed(taxicab, key) from error
    record(
        by=by,
        subject=subject_of(deployment),
        action="filed",
        before=before,
        after=deployment.stage,
    )
    _plan_targets(deployment)
    return deployment


def _file(
    taxicab: TaxicabTicket, *, key: str, by: User, url: str
) -> tuple[DeploymentTicket, str]:
    """Make the row, or take up a withdrawn one, whose key stays in the history."""
    withdrawn = DeploymentTicket.objects.filter(
        taxicab=taxicab, stage=DeploymentStage.WITHDRAWN
    )
    if (old := withdrawn.first()) and withdrawn.update(
        key=key,
        url=url,
        filed_by=by,
        stage=DeploymentStage.FILED,
        revision=F("revision") + 1,
    ):
        return DeploymentTicket.objects.get(pk=old.pk), f"{old.key} {old.stage}"
    made = DeploymentTicket.objects.create(
        key=key, taxicab=taxicab, url=url, filed_by=by
    )
    return made, ""


def _already_filed(taxicab: TaxicabTicket, key: str) -> ConflictError:
    other = DeploymentTicket.objects.filter(taxicab=taxicab).first()
    if other:
        return ConflictError(
            f"{taxicab.key} has a deployment ticket already: {other.key}."
        )
    return ConflictError(
        f"There is a deployment ticket {key} already: give the key of a new ticket."
    )


def _plan_targets(deployment: DeploymentTicket) -> None:
    """Bring the targets to what the connected repositories are now."""
    instrument = deployment.taxicab.construction.instrument
    planned = plan_deployment(_known_repositories(instrument))
    unplanned = deployment.targets.exclude(repository__in=[p.pk for p in planned])
    for target in unplanned.exclude(status=TargetStatus.SKIPPED):
        record(
            by=None,
            subject=subject_of(deployment),
            action="left out of the plan",
            why=f"{target.repository} is no longer connected or lost the camera.",
        )
        target.delete()
    for plan in planned:
        target, is_new = deployment.targets.get_or_create(
            repository_id=plan.pk, defaults={"is_origin": plan.is_origin}
        )
        if is_new:
            target.steps.bulk_create(
                DeploymentStep(target=target, kind=kind, position=position)
                for position, kind in enumerate(plan.steps, start=1)
            )


def _known_repositories(instrument: Instrument) -> list[TargetRepository]:
    holding = set(Repository.objects.holding(instrument).values_list("pk", flat=True))
    return [
        TargetRepository(
            pk=repository.pk,
            is_build=repository.is_build,
            is_cleaned=repository.is_cleaned,
            is_connected=repository.is_connected,
            holds_instrument=repository.pk in holding,
        )
        for repository in Repository.objects.all()
    ]


@transaction.atomic
def start_deployment(
    deployment: DeploymentTicket, *, by: User, task: Task
) -> DeploymentTicket:
    """Begin at every repository that is not skipped; only after adoption."""
    taxicab = deployment.taxicab
    construction = taxicab.construction
    check_may(by, Action.DEPLOY, construction.instrument)
    taxicab.refresh_from_db()
    if taxicab.stage != TaxicabStage.ADOPTED:
        raise ConflictError(
            f"{taxicab.key} is {taxicab.stage}: {deployment.key} can be started once "
            "the board has adopted the set."
        )
    if deployment.stage != DeploymentStage.FILED:
        raise ConflictError(
            f"{deployment.key} is {deployment.stage} already: what failed can be run "
            "again step by step."
        )
    move(
        deployment,
        field="stage",
        to=DeploymentStage.DEPLOYING,
        by=by,
        subject=subject_of(deployment),
    )
    _plan_targets(deployment)
    targets = list(deployment.targets.exclude(status=TargetStatus.SKIPPED))
    if not construction.repository.is_connected or not targets:
        raise ConflictError(
            f"{deployment.key} has no repository to deploy to: none that holds "
            f"{construction.instrument} is connected and not skipped, or its origin "
            f"{construction.repository} is not connected. An administrator connects it."
        )
    for target in targets:
        enqueue_next_step(target, by=by, task=task)
    deployment.refresh_from_db()
    return deployment


@transaction.atomic
def withdraw_deployment(
    deployment: DeploymentTicket, *, by: User, why: str
) -> DeploymentTicket:
    """Give a ticket up that was not started."""
    check_may(by, Action.DEPLOY, deployment.taxicab.construction.instrument)
    if deployment.stage != DeploymentStage.FILED:
        raise ConflictError(
            f"{deployment.key} is {deployment.stage}: only a ticket that was not "
            "started can be withdrawn; a repository can be rolled back."
        )
    # The move first: it names the stage that was just looked at.
    move(
        deployment,
        field="stage",
        to=DeploymentStage.WITHDRAWN,
        by=by,
        subject=subject_of(deployment),
        why=why,
    )
    raise_revision(deployment)
    return deployment


@transaction.atomic
def skip_target(target: DeploymentTarget, *, reason: str, by: User) -> DeploymentTarget:
    """Leave a repository out, and say why."""
    deployment = target.deployment
    check_may(by, Action.SKIP_REPOSITORY, deployment.taxicab.construction.instrument)
    if not reason.strip():
        raise InputError(f"Say why {target.repository} is skipped: a reason is kept.")
    if target.status in {
        TargetStatus.RUNNING,
        TargetStatus.DEPLOYED,
        TargetStatus.SKIPPED,
    }:
        raise ConflictError(
            f"{target.repository} is {target.status}: a repository can be skipped "
            "before it is deployed and while nothing runs there."
        )
    raise_revision(deployment)
    set_target(
        target, TargetStatus.SKIPPED, by=by, why=reason, skip_reason=reason.strip()
    )
    settle_deployment(deployment)
    return target


@transaction.atomic
def include_target(
    target: DeploymentTarget, *, by: User, task: Task
) -> DeploymentTarget:
    """Take a skipped repository in again; a started deployment goes on there."""
    deployment = target.deployment
    check_may(by, Action.SKIP_REPOSITORY, deployment.taxicab.construction.instrument)
    if target.status != TargetStatus.SKIPPED:
        raise ConflictError(f"{target.repository} is {target.status}, not skipped.")
    raise_revision(deployment)
    set_target(target, TargetStatus.PLANNED, by=by, skip_reason="")
    if DeploymentStage(deployment.stage).is_started:
        check_may(by, Action.DEPLOY, deployment.taxicab.construction.instrument)
        enqueue_next_step(target, by=by, task=task)
    settle_target(target, by=by)
    return target


@transaction.atomic
def run_step_again(step: DeploymentStep, *, by: User | None, task: Task) -> Job:
    """Run a step, done or not: it harms nothing, and what follows goes on after it.

    A step that is queued is handed over anew, because a worker may have died between
    writing it down and sending it. Nobody (`None`) is the portal itself.
    """
    target = step.target
    deployment = target.deployment
    if by is not None:
        check_may(by, Action.DEPLOY, deployment.taxicab.construction.instrument)
    _check_may_run(step)
    if by is not None and step.job and step.job.status == JobStatus.QUEUED:
        cancel_job(step.job, by=by)
        step.refresh_from_db()
    return enqueue_step(step, by=by, task=task)


def _check_may_run(step: DeploymentStep) -> None:
    target, label = step.target, StepKind(step.kind).label
    if not DeploymentStage(target.deployment.stage).is_started:
        raise ConflictError(
            f"{target.deployment} is {target.deployment.stage}: its steps can be run "
            "once it was started."
        )
    if target.status == TargetStatus.SKIPPED:
        raise ConflictError(
            f"{target.repository} is skipped ({target.skip_reason}): take it in again "
            "first."
        )
    if step.status == DeploymentStepStatus.RUNNING:
        raise ConflictError(
            f"{label} at {target.repository} is running: wait until it ends, or cancel "
            "its job. That its worker was lost is noticed within a minute or so."
        )
    earlier = target.steps.filter(position__lt=step.position)
    missing = earlier.exclude(status=DeploymentStepStatus.SUCCEEDED).first()
    if missing:
        raise ConflictError(
            f"{label} at {target.repository} comes after {StepKind(missing.kind).label}"
            f", which is {missing.status}: run that first."
        )


@transaction.atomic
def roll_back(target: DeploymentTarget, *, reason: str, by: User, task: Task) -> Job:
    """Ask for a ticket's chain to be taken out of the default chain of a repository.

    The datasets stay where they are, tagged where they were tagged; prepending again
    is running that step again.
    """
    deployment = target.deployment
    check_may(by, Action.DEPLOY, deployment.taxicab.construction.instrument)
    if not reason.strip():
        raise InputError(
            f"Say why {target.repository} is rolled back: a reason is kept."
        )
    target.refresh_from_db()
    prepended = target.steps.filter(
        kind=StepKind.PREPEND, status=DeploymentStepStatus.SUCCEEDED
    )
    if target.status == TargetStatus.RUNNING or not prepended.exists():
        raise ConflictError(
            f"{target.repository} is {target.status}: it can be rolled back once the "
            "set was prepended there and while nothing runs."
        )
    return enqueue_job(
        task,
        kind="deployment_rollback",
        title=f"Roll back: {target.repository}",
        subject=subject_of(deployment),
        by=by,
        repository=target.repository,
        parameters={"target": target.pk, "reason": reason.strip()},
    )


def retry_waiting_self_reviews(*, task: Task) -> int:
    """Run the self-reviews again that waited for an exposure; returns how many.

    One that cannot be run, because a step before it is taken again, waits on and
    keeps no other from its turn.
    """
    asked = 0
    for step in _waiting_self_reviews():
        try:
            run_step_again(step, by=None, task=task)
        except ConflictError as error:
            logger.info("%s waits on: %s", step, error)
        else:
            asked += 1
    return asked


def _waiting_self_reviews() -> "QuerySet[DeploymentStep]":
    return DeploymentStep.objects.filter(
        kind=StepKind.SELF_REVIEW, status=DeploymentStepStatus.WAITING
    ).exclude(target__status=TargetStatus.SKIPPED)
