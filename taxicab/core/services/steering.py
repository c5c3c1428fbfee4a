"""Cancelling jobs and running them again, by those who may do their work."""

from django.contrib.auth.models import User

from taxicab.core.models import Job
from taxicab.core.roles import Action
from taxicab.core.services.jobs import cancel_job, requeue_job
from taxicab.core.services.permissions import check_may, may
from taxicab.core.services.subjects import instrument_of

__all__ = ["may_steer", "rerun_job", "stop_job"]

# Whoever may start a subject's work may end it and start it again.
_ACTIONS = {
    "construction": Action.BUILD,
    "taxicab": Action.HAIL,
    "deployment": Action.DEPLOY,
    "repository": Action.MANAGE,
}


def may_steer(user: User, job: Job) -> bool:
    """Tell whether somebody may cancel a job or run it again."""
    return may(user, _action(job), instrument_of(job.subject_kind, job.subject_key))


def stop_job(job: Job, *, by: User) -> None:
    """Ask a job to end."""
    _check(job, by)
    cancel_job(job, by=by)


def rerun_job(job: Job, *, by: User) -> Job:
    """Run a failed or cancelled job again; it continues where it stopped."""
    _check(job, by)
    return requeue_job(job, by=by)


def _check(job: Job, by: User) -> None:
    check_may(by, _action(job), instrument_of(job.subject_kind, job.subject_key))


def _action(job: Job) -> Action:
    return _ACTIONS.get(job.subject_kind, Action.MANAGE)
