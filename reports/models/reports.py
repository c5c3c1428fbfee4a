"""The verification report's row: its files are the evidence, this is the pointer."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models

from calibrations.models import ConstructionTicket, Verification
from taxicab.core.models import Job


class ReportStatus(StrEnum):
    """Where a report stands."""

    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value


class VerificationReportQuerySet(models.QuerySet["VerificationReport"]):
    """Named reads of reports."""

    def ready(self) -> "VerificationReportQuerySet":
        """Find reports whose files are sealed."""
        return self.filter(status=ReportStatus.READY)


class VerificationReport(models.Model):
    """What the board reads: verdicts, failures, images, inputs, commands."""

    ticket = models.ForeignKey(
        ConstructionTicket, on_delete=models.CASCADE, related_name="reports"
    )
    version = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in ReportStatus},
        default=ReportStatus.BUILDING,
    )
    generation_collections = models.JSONField(default=list)
    verification_collections = models.JSONField(default=list)
    verifications = models.ManyToManyField(Verification, related_name="reports")
    sha256 = models.CharField(max_length=64, blank=True)
    """Of the report's manifest, which lists every file with its own."""
    summary = models.JSONField(default=dict)
    """Counts and the tables that pages show without opening the files."""
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, related_name="reports"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VerificationReportQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket", "version"], name="report_version_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(status=ReportStatus.READY) | ~models.Q(sha256=""),
                name="report_ready_has_hash",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket.key} report {self.version}"


class ReportPart(models.Model):
    """What a report says of one calibration type and physical filter.

    Its files are sealed apart: equal evidence has an equal hash in every report.
    """

    report = models.ForeignKey(
        VerificationReport, on_delete=models.CASCADE, related_name="parts"
    )
    key = models.CharField(max_length=64)
    """Its place in the report: ``bias``, ``flat-r``."""
    calib_type = models.CharField(max_length=32)
    physical_filter = models.CharField(max_length=32, blank=True)
    sha256 = models.CharField(max_length=64)
    """Of the part's own manifest: metrics, limits, plots, images, inputs,
    configuration, versions and validity."""
    criteria_version = models.CharField(max_length=64, blank=True)
    """Of the limits that judged; empty where nothing was judged."""

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["report", "key"], name="report_part_key_once"
            ),
            models.CheckConstraint(
                condition=~models.Q(sha256=""), name="report_part_has_hash"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.report}"
