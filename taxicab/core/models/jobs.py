"""A job: one row, one Celery task, one story."""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from taxicab.core.models.sites import Repository


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}


UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)


class JobQuerySet(models.QuerySet["Job"]):
    """Named reads of jobs."""

    def unfinished(self) -> "JobQuerySet":
        """Queued and running jobs."""
        return self.filter(status__in=UNFINISHED)

    def lost(self, *, after: timedelta) -> "JobQuerySet":
        """Find running jobs whose worker has not been heard of for a while."""
        return self.filter(
            status=JobStatus.RUNNING, heartbeat_at__lt=timezone.now() - after
        )

    def listed(self) -> "JobQuerySet":
        """Leave the long texts in the database: a list shows none of them."""
        return self.defer("log", "traceback", "commands", "result", "parameters")

    def about(self, kind: str, key: str) -> "JobQuerySet":
        """Jobs of one subject, newest first."""
        return self.filter(subject_kind=kind, subject_key=key)


class Job(models.Model):
    """A step that a worker takes for somebody."""

    kind = models.CharField(max_length=48)
    title = models.CharField(max_length=200)
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in JobStatus},
        default=JobStatus.QUEUED,
    )
    repository = models.ForeignKey(
        Repository, on_delete=models.PROTECT, null=True, related_name="jobs"
    )
    queue = models.CharField(max_length=64)
    subject_kind = models.CharField(max_length=32)
    subject_key = models.CharField(max_length=160)
    parameters = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    commands = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    planned = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    """A sentence about how it ended, or what it does now."""
    log = models.TextField(blank=True)
    """Tail of the log, at most ``LOG_TAIL_CHARACTERS``."""
    traceback = models.TextField(blank=True)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    worker = models.CharField(max_length=120, blank=True)

    objects = JobQuerySet.as_manager()

    LOG_TAIL_CHARACTERS = 40_000

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_key"], name="job_subject"),
            models.Index(fields=["status"], name="job_status"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.status})"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself."""
        return JobStatus(self.status).is_over

    @property
    def progress_percent(self) -> int:
        """Share of the planned quanta or files that ended, in per cent."""
        if self.status == JobStatus.SUCCEEDED:
            return 100
        return (
            int(100 * (self.done + self.failed) / self.planned) if self.planned else 0
        )
