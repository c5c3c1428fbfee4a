"""How a deployment goes on: steps follow their jobs, targets their steps.

Every transaction that changes what a client can see begins by raising the ticket's
revision. That takes the ticket's row, so that two steps that end at once wait for
each other and each sees what the other left, on PostgreSQL as on SQLite.
"""

from typing import Any

from celery import Task, current_app
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from distribution.domain import (
    DeploymentStage,
    DeploymentStepStatus,
    StepKind,
    TargetStatus,
    find_next_step,
    find_stage,
    find_target_status,
)
from distribution.models import DeploymentStep, DeploymentTarget, DeploymentTicket
from taxicab.board.models import TaxicabStage
from taxicab.core.domain.notices import NoticeEvent
from taxicab.core.models import Job, JobStatus
from taxicab.core.services.audit import move
from taxicab.core.services.jobs import enqueue_job, follow_jobs
from taxicab.core.services.notify import notify

__all__ = [
    "enqueue_next_step",
    "enqueue_step",
    "raise_revision",
    "set_step",
    "settle_target",
    "subject_of",
]

JOB_KINDS = {kind: f"deployment_{kind}" for kind in StepKind}


def subject_of(deployment: DeploymentTicket) -> tuple[str, str]:
    """Give the ticket's kind and key, for jobs and the audit trail."""
    return ("deployment", deployment.key)


def raise_revision(deployment: DeploymentTicket) -> None:
    """Let clients see that something changed; the caller holds the transaction."""
    DeploymentTicket.objects.filter(pk=deployment.pk).update(revision=F("revision") + 1)
    deployment.refresh_from_db()


@transaction.atomic
def enqueue_step(step: DeploymentStep, *, by: User | None, task: Task) -> Job:
    """Hand a step to the queue of the repository that takes it."""
    target = step.target
    deployment = target.deployment
    raise_revision(deployment)
    kind = StepKind(step.kind)
    origin = deployment.taxicab.construction.repository
    job = enqueue_job(
        task,
        kind=JOB_KINDS[kind],
        title=f"{kind.label}: {target.repository}",
        subject=subject_of(deployment),
        by=by,
        repository=origin if kind.runs_at_origin else target.repository,
        parameters={"step": step.pk},
    )
    set_step(
        step,
        DeploymentStepStatus.QUEUED,
        by=by,
        job=job,
        started_at=None,
        ended_at=None,
        message="",
    )
    settle_target(target, by=by)
    return job


def enqueue_next_step(
    target: DeploymentTarget, *, by: User | None, task: Task
) -> Job | None:
    """Hand over the first step that is not done, unless one is under way."""
    steps = list(target.steps.all())
    place = find_next_step([DeploymentStepStatus(step.status) for step in steps])
    return None if place is None else enqueue_step(steps[place], by=by, task=task)


def set_step(
    step: DeploymentStep,
    status: DeploymentStepStatus,
    *,
    by: User | None,
    **changes: Any,
) -> None:
    """Move a step and record it, with the repository's name."""
    target = step.target
    words = f"{StepKind(step.kind).label} at {target.repository}"
    message = changes.get("message")
    move(
        step,
        field="status",
        to=status,
        by=by,
        subject=subject_of(target.deployment),
        why=f"{words}: {message}" if message else words,
        **changes,
    )


def settle_target(target: DeploymentTarget, *, by: User | None) -> None:
    """Let a target's status follow its steps, and the ticket its targets."""
    statuses = target.steps.values_list("status", flat=True)
    status = find_target_status([DeploymentStepStatus(s) for s in statuses])
    target.refresh_from_db()
    if target.status not in {status, TargetStatus.SKIPPED}:
        set_target(target, status, by=by)
    settle_deployment(target.deployment)


def set_target(
    target: DeploymentTarget,
    status: TargetStatus,
    *,
    by: User | None,
    why: str = "",
    **changes: Any,
) -> None:
    """Move a target and record it, with the repository's name."""
    move(
        target,
        field="status",
        to=status,
        by=by,
        subject=subject_of(target.deployment),
        why=f"{target.repository}: {why}" if why else str(target.repository),
        changed_at=timezone.now(),
        **changes,
    )
    if status is TargetStatus.DEPLOYED:
        construction = target.deployment.taxicab.construction
        notify(
            NoticeEvent.DEPLOYED,
            subject=subject_of(target.deployment),
            text=f"{construction.key} ({construction.instrument_id}) is deployed at "
            f"{target.repository}, and its self-review passed.",
            by=by,
        )


def settle_deployment(deployment: DeploymentTicket) -> None:
    """Let the ticket's stage follow its targets; deployed means implemented."""
    statuses = deployment.targets.values_list("status", flat=True)
    before = DeploymentStage(deployment.stage)
    stage = find_stage(before, [TargetStatus(status) for status in statuses])
    if stage is not before:
        move(
            deployment,
            field="stage",
            to=stage,
            by=None,
            subject=subject_of(deployment),
            why="Follows from the states of its repositories.",
        )
    taxicab = deployment.taxicab
    if stage is DeploymentStage.DEPLOYED and taxicab.stage == TaxicabStage.ADOPTED:
        move(
            taxicab,
            field="stage",
            to=TaxicabStage.IMPLEMENTED,
            by=None,
            subject=("taxicab", taxicab.key),
            why=f"{deployment.key} is deployed at every repository it was planned for.",
        )


@follow_jobs(*JOB_KINDS.values())
def follow_step_job(job: Job) -> None:
    """Give a step its job's status; after a success let the next step begin.

    Called in the transaction of the job's own change, so that no worker's death
    leaves one without the other. The job of an earlier try changes nothing.
    """
    step = DeploymentStep.objects.filter(job=job).first()
    status = _status_of(job)
    if step is None or step.status == status:
        return
    target = step.target
    raise_revision(target.deployment)
    step.refresh_from_db()
    set_step(step, status, by=None, **_changes(job, status))
    if status is DeploymentStepStatus.SUCCEEDED:
        task = current_app.tasks[job.parameters["task"]]
        enqueue_next_step(target, by=job.created_by, task=task)
    settle_target(target, by=None)


def _status_of(job: Job) -> DeploymentStepStatus:
    if job.status == JobStatus.SUCCEEDED and job.result.get("status") == "waiting":
        return DeploymentStepStatus.WAITING
    return {
        JobStatus.QUEUED: DeploymentStepStatus.QUEUED,
        JobStatus.RUNNING: DeploymentStepStatus.RUNNING,
        JobStatus.SUCCEEDED: DeploymentStepStatus.SUCCEEDED,
    }.get(JobStatus(job.status), DeploymentStepStatus.FAILED)


def _changes(job: Job, status: DeploymentStepStatus) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "message": "" if status.is_moving else job.message,
    }
    if job.result and not status.is_moving:
        changes["result"] = job.result
    return changes
