"""What every step has in common: it belongs to a ticket, and it follows its job."""

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction

from calibrations.butler.client import (
    ButlerGateway,
    PipelineOutcome,
    PipelineRequest,
)
from calibrations.butler.errors import QuantaFailedError
from calibrations.models import (
    Certification,
    ConstructionStage,
    ConstructionTicket,
    Generation,
    Selection,
    SelectionStatus,
    StepStatus,
    Verification,
)
from taxicab.core.models import Job, JobStatus
from taxicab.core.services.jobs import follow_jobs
from taxicab.errors import ConflictError

__all__ = [
    "Step",
    "check_building",
    "check_is_current",
    "check_not_running",
    "check_testable",
    "check_versions",
    "claim_name",
    "keep_outcome",
    "last_job",
    "run_step",
    "subject_of",
]

Step = Generation | Verification | Certification


def subject_of(ticket: ConstructionTicket) -> tuple[str, str]:
    """Give the ticket's kind and key, for jobs and the audit trail."""
    return ("construction", ticket.key)


def check_building(ticket: ConstructionTicket) -> None:
    """Refuse work on a ticket that the board has, or that is over."""
    if ticket.stage != ConstructionStage.BUILDING:
        raise ConflictError(
            f"{ticket.key} is {ticket.stage}: only a ticket that is being built can be "
            "worked on. The board may send it back for another iteration."
        )


def check_testable(ticket: ConstructionTicket) -> None:
    """Refuse tests on a ticket that is over, or of which the board asked for none."""
    if not ticket.is_testable:
        check_building(ticket)


def last_job(step: Step) -> Job | None:
    """Find the job whose end decides how the step stands."""
    return step.jobs.order_by("-pk").first()


def check_not_running(step: Step) -> None:
    """Refuse a second run of a step while one is queued or running."""
    if step.status in {StepStatus.QUEUED, StepStatus.RUNNING}:
        raise ConflictError(
            f"{step} is {step.status} already: wait until it ends, or cancel its job."
        )


def check_is_current(step: Step, job: Job) -> None:
    """Refuse to run a job whose step was asked for again, or removed."""
    if last_job(step) != job:
        raise ConflictError(f"{step} was asked for again: it has a later job.")
    if step.status == StepStatus.REMOVED:
        raise ConflictError(f"{step} was removed: ask for it anew.")


def check_versions(asked: dict[str, str], found: dict[str, str], name: str) -> None:
    """Refuse to continue an attempt with other software than it began with."""
    changed = [
        f"{package} {asked.get(package, 'absent')} → {found.get(package, 'absent')}"
        for package in sorted(asked.keys() | found.keys())
        if asked.get(package) != found.get(package)
    ]
    if changed:
        raise ConflictError(
            f"{name} was asked for with other software than is here now "
            f"({', '.join(changed)}). Look the exposures up again and ask anew: that "
            "is a new attempt, with the next letter."
        )


def claim_name(create: Callable[[], Any], attempts: int = 5) -> Any:
    """Call what creates a named row until no other person's row is in its way."""
    for attempt in range(attempts):
        try:
            with transaction.atomic():
                return create()
        except IntegrityError as error:
            if attempt == attempts - 1:
                raise ConflictError(
                    "Others took every name that was tried for this attempt: try again."
                ) from error
    raise AssertionError("unreachable")


def run_step(
    gateway: ButlerGateway,
    step: Generation | Verification,
    request: PipelineRequest,
) -> PipelineOutcome:
    """Run a step's pipeline; what exists afterwards is kept, whether or not it failed.

    Raises
    ------
    ConflictError
        Raised if the software is not what the attempt was asked for with.
    """
    check_versions(step.versions, gateway.versions(), step.collection)
    try:
        outcome = gateway.run_pipeline(request)
    except QuantaFailedError as error:
        keep_outcome(step, datasets=error.details["outcome"]["datasets"])
        raise
    keep_outcome(step, datasets=outcome.datasets)
    return outcome


def keep_outcome(step: Step, **changes: Any) -> None:
    """Write what a run left, whatever the step's status is meanwhile."""
    type(step)._default_manager.filter(pk=step.pk).update(**changes)


@follow_jobs("generation", "verification", "certification")
def follow_step_job(job: Job) -> None:
    """Give a step its last job's status; an older job changes nothing."""
    step: Step | None = (
        job.generations.first()
        or job.verifications.first()
        or job.certifications.first()
    )
    if step is None or last_job(step) != job:
        return
    commands = list(dict.fromkeys([*step.commands, *job.commands]))
    type(step)._default_manager.filter(pk=step.pk).exclude(
        status=StepStatus.REMOVED
    ).update(status=job.status, ended_at=job.ended_at, commands=commands)


@follow_jobs("selection")
def follow_selection_job(job: Job) -> None:
    """Give a selection the status that its job's amounts to."""
    status = {
        JobStatus.SUCCEEDED: SelectionStatus.READY,
        JobStatus.FAILED: SelectionStatus.FAILED,
        JobStatus.CANCELLED: SelectionStatus.FAILED,
    }.get(JobStatus(job.status), SelectionStatus.LOOKING)
    Selection.objects.filter(job=job).update(status=status)
