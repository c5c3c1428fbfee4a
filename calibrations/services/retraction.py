"""Taking a certification back, while its ticket is still built."""

from celery import Task
from django.contrib.auth.models import User
from django.db import transaction

from calibrations.models import Certification, StepStatus
from calibrations.services.chains import chain_of
from calibrations.services.repositories import check_builds, open_gateway
from calibrations.services.steps import check_building, subject_of
from taxicab.core.models import Job
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError, InputError

__all__ = ["request_retraction", "retract_certification"]


@transaction.atomic
def request_retraction(
    certification: Certification, *, by: User, why: str, task: Task
) -> Job:
    """Take back what was certified by mistake: other dates or another attempt follow.

    DMTN-222 §3.3 has no way yet to change the dates of what is deployed: this serves
    a ticket that is still built.
    """
    ticket = certification.ticket
    check_may(by, Action.CERTIFY, ticket.instrument)
    check_building(ticket)
    check_builds(ticket.repository)
    _check_holds(certification)
    if not why.strip():
        raise InputError("Say why it is taken back: the record keeps it.")
    record(
        by=by,
        subject=subject_of(ticket),
        action=f"{certification.collection}: retraction asked",
        before=certification.status,
        why=why,
    )
    return enqueue_job(
        task,
        kind="retraction",
        title=f"Retract {certification.generation.label} "
        f"{certification.generation.rerun}",
        subject=subject_of(ticket),
        by=by,
        repository=ticket.repository,
        parameters={"certification": certification.pk},
    )


def retract_certification(recorder: JobRecorder) -> None:
    """Take the range back, and an empty collection out of the ticket's chain."""
    certification = Certification.objects.select_related(
        "generation", "ticket__repository__facility"
    ).get(pk=recorder.job.parameters["certification"])
    if certification.status == StepStatus.REMOVED:
        return
    _check_holds(certification)
    ticket = certification.ticket
    check_building(ticket)
    gateway = open_gateway(ticket.repository, recorder, instrument=ticket.instrument_id)
    left = gateway.decertify_calibration(
        certification.collection,
        certification.generation.calib_type,
        certification.begin_tai,
        certification.end_tai or None,
    )
    if not left:
        gateway.remove_from_chain(chain_of(ticket), certification.collection)
    message = f"{certification.collection} has {left} validity ranges left."
    move(
        certification,
        field="status",
        to=StepStatus.REMOVED,
        by=recorder.job.created_by,
        subject=subject_of(ticket),
        why=message,
        n_datasets=0,
    )
    recorder.say(message)


def _check_holds(certification: Certification) -> None:
    if certification.status != StepStatus.SUCCEEDED:
        raise ConflictError(
            f"{certification.collection} is {certification.status}: only what is "
            "certified can be taken back."
        )
