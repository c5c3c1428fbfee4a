"""Removing a generation run, unless something still needs its datasets."""

from celery import Task
from django.contrib.auth.models import User
from django.db import transaction

from calibrations.models import Generation, StepStatus
from calibrations.services.repositories import check_builds, open_gateway
from calibrations.services.steps import check_not_running, subject_of
from taxicab.core.models import Job
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError, InputError

__all__ = ["check_not_being_removed", "remove_generation", "request_removal"]


@transaction.atomic
def request_removal(generation: Generation, *, by: User, why: str, task: Task) -> Job:
    """Remove a generation's run from its repository.

    Certification only links: without the run its calibrations are gone (DMTN-222
    §3.3), and the Butler itself would not refuse.

    Raises
    ------
    ConflictError
        Raised if a certified collection links to the run.
    """
    ticket = generation.ticket
    check_may(by, Action.BUILD, ticket.instrument)
    check_builds(ticket.repository)
    _check_removable(generation)
    check_not_being_removed(generation)
    if not why.strip():
        raise InputError("Say why the run is removed: the record keeps it.")
    record(
        by=by,
        subject=subject_of(ticket),
        action=f"{generation.collection}: removal asked",
        before=generation.status,
        why=why,
    )
    return enqueue_job(
        task,
        kind="removal",
        title=f"Remove {generation.label} {generation.rerun}",
        subject=subject_of(ticket),
        by=by,
        repository=ticket.repository,
        parameters={"generation": generation.pk},
    )


def remove_generation(recorder: JobRecorder) -> None:
    """Remove the run; the gateway looks for links once more, in the Butler."""
    generation = Generation.objects.select_related("ticket__repository__facility").get(
        pk=recorder.job.parameters["generation"]
    )
    if generation.status == StepStatus.REMOVED:
        return
    _check_removable(generation)
    ticket = generation.ticket
    gateway = open_gateway(ticket.repository, recorder, instrument=ticket.instrument_id)
    removed = gateway.remove_run(generation.collection)
    move(
        generation,
        field="status",
        to=StepStatus.REMOVED,
        by=recorder.job.created_by,
        subject=subject_of(ticket),
        why=f"{removed} datasets removed.",
        datasets={},
    )
    recorder.say(f"{removed} datasets removed.")


def check_not_being_removed(generation: Generation) -> None:
    """Refuse anything else while a job removes the run."""
    removing = Job.objects.unfinished().filter(
        kind="removal", parameters__generation=generation.pk
    )
    if removing.exists():
        raise ConflictError(f"{generation} is being removed.")


def _check_removable(generation: Generation) -> None:
    if generation.status == StepStatus.REMOVED:
        raise ConflictError(f"{generation} is removed already.")
    check_not_running(generation)
    links = generation.certifications.exclude(
        status__in=(StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.REMOVED)
    )
    if linked := sorted(set(links.values_list("collection", flat=True))):
        raise ConflictError(
            f"{generation} cannot be removed: {', '.join(linked)} links to its "
            "datasets, and they would be gone from every chain that holds it.",
            collections=linked,
        )
    busy = generation.verifications.filter(
        status__in=(StepStatus.QUEUED, StepStatus.RUNNING)
    ).first()
    if busy is not None:
        raise ConflictError(f"{generation} is being verified by {busy}.")
