"""The life of a job: queued, running, and one of three ends."""

import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from celery import Task
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Right
from django.urls import reverse
from django.utils import timezone

from taxicab.core.domain.notices import NoticeEvent
from taxicab.core.models import Job, JobStatus, Repository
from taxicab.core.services.audit import record
from taxicab.core.services.notify import notify
from taxicab.errors import ConflictError, TaxicabError

__all__ = [
    "JobCancelledError",
    "JobRecorder",
    "cancel_job",
    "enqueue_job",
    "find_lost_jobs",
    "follow_jobs",
    "requeue_job",
    "running_job",
]

logger = logging.getLogger(__name__)

Hook = Callable[[Job], None]

_FOLLOWERS: dict[str, Hook] = {}
"""What follows the jobs of a kind: see `follow_jobs`."""


def follow_jobs(*kinds: str) -> Callable[[Hook], Hook]:
    """Register what follows the jobs of some kinds.

    The hook is called with the job after each change of its status and in the same
    transaction: taken by a worker, ended, cancelled, lost with its worker, queued
    again. It keeps a step's own status true whoever moved the job.
    """

    def register(hook: Hook) -> Hook:
        _FOLLOWERS.update(dict.fromkeys(kinds, hook))
        return hook

    return register


def _tell_follower(job: Job) -> None:
    hook = _FOLLOWERS.get(job.kind)
    if hook is not None:
        job.refresh_from_db()
        hook(job)


class JobCancelledError(TaxicabError):
    """Somebody asked for the job to end."""

    error = "cancelled"
    status_code = 409


class JobNotQueuedError(ConflictError):
    """The job is not waiting for a worker."""

    error = "job_not_queued"


class JobRecorder:
    """What a running step tells its row; cheap enough to call for every event.

    Lines and counts are gathered for a moment: the middleware writes several lines a
    quantum, and each update writes the whole tail of the log anew.
    """

    GATHER_S = 0.25

    def __init__(self, job: Job) -> None:
        self.job = job
        self._lines: list[str] = []
        self._changes: dict[str, Any] = {}
        self._written = 0.0

    def flush(self) -> None:
        """Write what was gathered."""
        changes, lines = self._changes, self._lines
        if lines:
            text = Concat(F("log"), Value("".join(lines)))
            changes = {**changes, "log": Right(text, Job.LOG_TAIL_CHARACTERS)}
        if changes:
            Job.objects.filter(pk=self.job.pk).update(
                heartbeat_at=timezone.now(), **changes
            )
        self._changes, self._lines = {}, []
        self._written = time.monotonic()

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._written >= self.GATHER_S:
            self.flush()

    def log(self, line: str) -> None:
        """Append a line to the log's tail."""
        self._lines.append(line.rstrip() + "\n")
        self._flush_if_due()

    def say(self, message: str) -> None:
        """Say in a sentence what happens now."""
        self._changes["message"] = message
        self.flush()

    def progress(self, *, planned: int, done: int, failed: int = 0) -> None:
        """Set the counts of quanta or files."""
        self._changes |= {"planned": planned, "done": done, "failed": failed}
        self._flush_if_due()

    def add_commands(self, commands: list[str]) -> None:
        """Keep the equivalent command lines, each once."""
        job = Job.objects.get(pk=self.job.pk)
        new = [line for line in commands if line not in job.commands]
        if new:
            self._changes["commands"] = [*job.commands, *new]
            self.flush()

    def should_cancel(self) -> bool:
        """Whether somebody asked for the job to end."""
        return not Job.objects.filter(
            pk=self.job.pk, status=JobStatus.RUNNING, cancel_requested_by=None
        ).exists()

    def on_event(self, event: dict[str, Any]) -> None:
        """Keep one event of the gateway's process."""
        kind = event.get("event")
        if kind == "graph":
            self.progress(planned=int(event["quanta"]), done=0)
        elif kind in {"quantum", "progress"}:
            self.progress(
                planned=int(event["total"]),
                done=int(event["done"]),
                failed=int(event.get("failed", 0)) + int(event.get("blocked", 0)),
            )
        elif kind == "commands":
            self.add_commands(event["lines"])
        if event.get("message"):
            self.log(str(event["message"]))
        if event.get("error"):
            where = f"{event.get('task')} {event.get('data_id')}"
            self.log(f"{where} failed: {event['error']}\n{event.get('traceback', '')}")


def enqueue_job(
    task: Task,
    *,
    kind: str,
    title: str,
    subject: tuple[str, str],
    by: User | None,
    repository: Repository | None = None,
    queue: str = "",
    parameters: dict[str, Any] | None = None,
) -> Job:
    """Write a job's row and hand it to a worker once the row is committed."""
    name = queue or (repository.queue if repository else "")
    job = Job.objects.create(
        kind=kind,
        title=title,
        repository=repository,
        queue=name or settings.CELERY_TASK_DEFAULT_QUEUE,
        subject_kind=subject[0],
        subject_key=subject[1],
        parameters={**(parameters or {}), "task": task.name},
        created_by=by,
    )
    record(by=by, subject=subject, action=f"{title}: queued", job=job.pk)
    _send(task, job)
    return job


def _send(task: Task, job: Job) -> None:
    send = partial(task.apply_async, args=(job.pk,), queue=job.queue)
    transaction.on_commit(send)


@transaction.atomic
def requeue_job(job: Job, *, by: User | None) -> Job:
    """Run a job again: its steps are idempotent, so nothing is done twice."""
    from celery import current_app

    moved = Job.objects.filter(
        pk=job.pk, status__in=(JobStatus.FAILED, JobStatus.CANCELLED)
    ).update(
        status=JobStatus.QUEUED,
        message="",
        traceback="",
        ended_at=None,
        cancel_requested_by=None,
        planned=0,
        done=0,
        failed=0,
    )
    if not moved:
        job.refresh_from_db()
        raise ConflictError(
            f"{job.title} is {job.status}: only a failed or cancelled job can be run "
            "again."
        )
    before, job.status = job.status, JobStatus.QUEUED
    record(
        by=by,
        subject=(job.subject_kind, job.subject_key),
        action=f"{job.title}: queued again",
        before=before,
        after=JobStatus.QUEUED,
        job=job.pk,
    )
    _tell_follower(job)
    _send(current_app.tasks[job.parameters["task"]], job)
    return job


@transaction.atomic
def cancel_job(job: Job, *, by: User) -> None:
    """Ask a job to end; a queued one ends at once."""
    subject = (job.subject_kind, job.subject_key)
    ended = Job.objects.filter(pk=job.pk, status=JobStatus.QUEUED).update(
        status=JobStatus.CANCELLED,
        cancel_requested_by=by,
        ended_at=timezone.now(),
        message=f"Cancelled by {by.get_username()} before it began.",
    )
    asked = ended or Job.objects.filter(
        pk=job.pk, status=JobStatus.RUNNING, cancel_requested_by=None
    ).update(cancel_requested_by=by)
    if not asked:
        job.refresh_from_db()
        raise ConflictError(f"{job.title} is {job.status}: there is nothing to cancel.")
    record(by=by, subject=subject, action=f"{job.title}: cancel asked", job=job.pk)
    _tell_follower(job)


@contextmanager
def running_job(job_id: int, *, on_end: Hook | None = None) -> Iterator[JobRecorder]:
    """Keep the record of a job while a worker runs it.

    A known failure ends the job with its sentence, one whose code is ``cancelled``
    as cancelled; anything else keeps its traceback and is raised again. The row is
    taken by a conditional update, so a task that is delivered twice runs once.

    Parameters
    ----------
    on_end
        Called with the job after its end is written, to let the step follow.
    """
    job = _take(job_id)
    recorder = JobRecorder(job)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(job_id, stop), daemon=True)
    beat.start()
    try:
        try:
            yield recorder
        finally:
            recorder.flush()
    except TaxicabError as error:
        is_cancel = error.error == JobCancelledError.error
        status = JobStatus.CANCELLED if is_cancel else JobStatus.FAILED
        trace = str(error.details.get("traceback", ""))
        _end(job, status, message=str(error), trace=trace)
    except BaseException as error:
        _end(
            job,
            JobStatus.FAILED,
            message=f"{type(error).__name__}: {error}. This is a fault of the portal: "
            "the traceback below says where.",
            trace=traceback.format_exc(),
        )
        raise
    else:
        _end(job, JobStatus.SUCCEEDED)
    finally:
        stop.set()
        beat.join()
        job.refresh_from_db()
        if on_end is not None:
            on_end(job)


@transaction.atomic
def _take(job_id: int) -> Job:
    now = timezone.now()
    taken = Job.objects.filter(pk=job_id, status=JobStatus.QUEUED).update(
        status=JobStatus.RUNNING,
        started_at=now,
        heartbeat_at=now,
        attempts=F("attempts") + 1,
        worker=f"{socket.gethostname()}:{os.getpid()}",
    )
    job = Job.objects.select_related("repository", "created_by").get(pk=job_id)
    if not taken:
        raise JobNotQueuedError(f"{job.title} is {job.status}, not queued.")
    _tell_follower(job)
    return job


def _beat(job_id: int, stop: threading.Event) -> None:
    while not stop.wait(settings.JOB_HEARTBEAT_S):
        try:
            Job.objects.filter(pk=job_id).update(heartbeat_at=timezone.now())
        except DatabaseError as error:  # away for a moment: the worker is not lost
            logger.warning("Job %s could not tell that it runs: %s", job_id, error)
            connection.close()
    connection.close()


@transaction.atomic
def _end(job: Job, status: JobStatus, *, message: str = "", trace: str = "") -> None:
    changes: dict[str, Any] = {"status": status, "ended_at": timezone.now()}
    if message:
        changes["message"] = message
    ended = Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING).update(
        **changes, traceback=trace
    )
    if ended:
        record(
            by=None,
            subject=(job.subject_kind, job.subject_key),
            action=f"{job.title}: {status}",
            before=JobStatus.RUNNING,
            after=status,
            why=message,
            job=job.pk,
        )
        _tell_follower(job)
        if status == JobStatus.FAILED and job.created_by is not None:
            notify(
                NoticeEvent.JOB_FAILED,
                subject=(job.subject_kind, job.subject_key),
                text=f"{job.subject_key}: {job.title} failed. {message}",
                url=reverse("job", args=[job.pk]),
                to=[job.created_by],
            )


def find_lost_jobs(*, after_s: float | None = None) -> int:
    """End the jobs whose worker died, with a sentence; returns how many.

    Parameters
    ----------
    after_s
        Silence that tells a dead worker; the setting's by default. 0 where it is
        known that no worker of an earlier portal lives.
    """
    silence = settings.JOB_LOST_AFTER_S if after_s is None else after_s
    lost = Job.objects.lost(after=timedelta(seconds=silence))
    jobs = list(lost)
    for job in jobs:
        logger.warning("Job %s lost its worker %s", job.pk, job.worker)
        _end(
            job,
            JobStatus.FAILED,
            message=f"The worker {job.worker} was lost while it ran this. Run it "
            "again: it continues where it stopped.",
        )
    return len(jobs)
