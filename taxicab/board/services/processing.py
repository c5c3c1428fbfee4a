"""Requests for more processing: tasks to be done before the board decides."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from calibrations.models import ConstructionTicket
from calibrations.services.steps import subject_of as construction_of
from taxicab.board.models import ProcessingTask, TaskStatus, TaxicabTicket
from taxicab.board.services.hailing import check_reason, subject_of
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.permissions import check_may
from taxicab.errors import ForbiddenError, InputError, NotFoundError

__all__ = ["add_task", "drop_task", "find_task", "finish_task", "open_tasks"]


def open_tasks(construction: ConstructionTicket) -> list[ProcessingTask]:
    """List what is still to be done for a set, the oldest first."""
    rows = construction.processing_tasks.filter(status=TaskStatus.OPEN)
    return list(rows.select_related("asked_by"))


def find_task(construction: ConstructionTicket, number: int) -> ProcessingTask:
    """Find a task of a set by its number."""
    rows = construction.processing_tasks.select_related(
        "asked_by", "ticket", "construction__instrument"
    )
    if found := rows.filter(pk=number).first():
        return found
    raise NotFoundError(f"There is no task {number} of {construction.key}.")


def add_task(ticket: TaxicabTicket, *, by: User, text: str) -> ProcessingTask:
    """Write a request; the caller checked who asks and holds the ticket."""
    if not text.strip():
        raise InputError("Say what should be run: nobody can do what is not said.")
    construction = ticket.construction
    same = {"asked_by": by, "text": text.strip()}
    if old := construction.processing_tasks.filter(
        status=TaskStatus.OPEN, **same
    ).first():
        return old
    task = ProcessingTask.objects.create(
        construction=construction, ticket=ticket, **same
    )
    for subject in (subject_of(ticket), construction_of(construction)):
        record(
            by=by,
            subject=subject,
            action="more processing asked for",
            after=task.status,
            why=task.text,
            task=task.pk,
        )
    return task


def finish_task(task: ProcessingTask, *, by: User, note: str) -> ProcessingTask:
    """Record that a task is done, and what came of it; the calibration team does."""
    check_may(by, Action.VERIFY, task.construction.instrument)
    if not note.strip():
        raise InputError("Say what was done and where the result is.")
    return _end(task, TaskStatus.DONE, by=by, note=note)


def drop_task(task: ProcessingTask, *, by: User, reason: str) -> ProcessingTask:
    """Take a request back; who asked alone may."""
    check_reason(reason)
    if by != task.asked_by:
        raise ForbiddenError(
            f"{task.asked_by.get_username()} asked for this: only they take it back. "
            "The calibration team can say what was done instead."
        )
    return _end(task, TaskStatus.DROPPED, by=by, note=reason)


@transaction.atomic
def _end(
    task: ProcessingTask, to: TaskStatus, *, by: User, note: str
) -> ProcessingTask:
    ended = move(
        task,
        field="status",
        to=to,
        by=by,
        subject=construction_of(task.construction),
        why=note.strip(),
        ended_by=by,
        ended_at=timezone.now(),
        note=note.strip(),
    )
    record(
        by=by,
        subject=subject_of(task.ticket),
        action=f"processing {to}",
        before=TaskStatus.OPEN,
        after=to,
        why=note.strip(),
        task=task.pk,
    )
    return ended
