"""What was generated, verified and certified: names and ids, never pixels.

The Butler owns datasets and validity; these rows keep what was done and why.
"""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models

from calibrations.models.construction import ConstructionTicket, Selection
from taxicab.core.models import Job


class StepStatus(StrEnum):
    """Where a step stands; follows its job's status."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REMOVED = "removed"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value


class Step(models.Model):
    """What generations and verifications have in common: a run in the Butler."""

    collection = models.CharField(max_length=200, unique=True)
    """The RUN itself; certification reads it by this name."""
    rerun = models.CharField(max_length=9)
    """``YYYYMMDD`` (UTC) and the attempt's letter."""
    fingerprint = models.CharField(max_length=64)
    """SHA-256 of inputs, configuration and versions: equal means resume."""
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in StepStatus},
        default=StepStatus.QUEUED,
    )
    input_collections = models.JSONField(default=list)
    configuration = models.JSONField(default=dict)
    versions = models.JSONField(default=dict)
    commands = models.JSONField(default=list)
    datasets = models.JSONField(default=dict)
    """Number of datasets that exist, by dataset type."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.collection


class GenerationQuerySet(models.QuerySet["Generation"]):
    """Named reads of generations."""

    def present(self) -> "GenerationQuerySet":
        """Leave out generations whose RUN was removed."""
        return self.exclude(status=StepStatus.REMOVED)

    def succeeded(self) -> "GenerationQuerySet":
        """Keep generations that have their calibrations."""
        return self.filter(status=StepStatus.SUCCEEDED)


class Generation(Step):
    """One attempt at a calibration of one type."""

    ticket = models.ForeignKey(
        ConstructionTicket, on_delete=models.CASCADE, related_name="generations"
    )
    iteration = models.PositiveIntegerField(default=1)
    calib_type = models.CharField(max_length=32)
    physical_filter = models.CharField(max_length=32, blank=True)
    band = models.CharField(max_length=8, blank=True)
    selection = models.ForeignKey(
        Selection, on_delete=models.PROTECT, related_name="generations"
    )
    units = models.CharField(max_length=32, blank=True)
    precursors = models.JSONField(default=dict)
    """Certified collections that it is made with, by type and filter (``flat:r_03``),
    as they were found when it was asked for."""
    jobs = models.ManyToManyField(Job, related_name="generations")

    objects = GenerationQuerySet.as_manager()

    class Meta(Step.Meta):
        constraints: ClassVar = [
            # The same inputs, configuration and versions are one attempt: two people
            # who ask at once share its letter.
            models.UniqueConstraint(
                fields=["ticket", "fingerprint"],
                condition=~models.Q(status=StepStatus.REMOVED),
                name="generation_once_a_fingerprint",
            )
        ]

    @property
    def label(self) -> str:
        """Type and band: ``flat-r``."""
        return f"{self.calib_type}-{self.band}" if self.band else self.calib_type


class Verification(Step):
    """The tests of one generation, on construction inputs and later exposures."""

    generation = models.ForeignKey(
        Generation, on_delete=models.CASCADE, related_name="verifications"
    )
    selections = models.ManyToManyField(Selection, related_name="verifications")
    criteria_version = models.CharField(max_length=32, blank=True)
    jobs = models.ManyToManyField(Job, related_name="verifications")

    class Meta(Step.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["generation", "fingerprint"],
                name="verification_once_a_fingerprint",
            )
        ]


class MetricResultQuerySet(models.QuerySet["MetricResult"]):
    """Named reads of results."""

    def failures(self) -> "MetricResultQuerySet":
        """Keep what is beyond its limit; advice does not count."""
        return self.filter(passed=False, is_advisory=False)


class MetricResult(models.Model):
    """One test of one amplifier (or detector, or exposure) on one exposure."""

    verification = models.ForeignKey(
        Verification, on_delete=models.CASCADE, related_name="results"
    )
    exposure = models.BigIntegerField(default=0)
    """0 for a test of a whole run: SQLite lets NULLs repeat in a unique key."""
    detector = models.IntegerField(default=-1)
    """-1 for a test of a whole exposure."""
    amplifier = models.CharField(max_length=8, blank=True)
    level = models.CharField(max_length=4)
    test = models.CharField(max_length=48)
    statistic = models.CharField(max_length=120)
    value = models.FloatField(null=True)
    """Empty where the statistic could not be measured."""
    limit = models.FloatField(null=True)
    sense = models.CharField(max_length=4, blank=True)
    unit = models.CharField(max_length=24, blank=True)
    passed = models.BooleanField()
    is_advisory = models.BooleanField(default=False)
    """Reported, but no reason to fail."""
    dmtn101 = models.CharField(max_length=16, blank=True)
    criteria_version = models.CharField(max_length=32)

    objects = MetricResultQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["verification", "exposure", "detector", "amplifier", "test"],
                name="metric_result_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["verification", "passed"], name="metric_failures")
        ]

    def __str__(self) -> str:
        return f"{self.exposure} {self.detector} {self.amplifier} {self.test}"


class Certification(models.Model):
    """A generation given a validity range in a CALIBRATION collection."""

    ticket = models.ForeignKey(
        ConstructionTicket, on_delete=models.CASCADE, related_name="certifications"
    )
    generation = models.ForeignKey(
        Generation, on_delete=models.PROTECT, related_name="certifications"
    )
    collection = models.CharField(max_length=200)
    begin_tai = models.CharField(max_length=32)
    end_tai = models.CharField(max_length=32, blank=True)
    """Empty: open end. Half-open [begin, end), ISO-8601, TAI."""
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in StepStatus},
        default=StepStatus.QUEUED,
    )
    n_datasets = models.PositiveIntegerField(default=0)
    commands = models.JSONField(default=list)
    jobs = models.ManyToManyField(Job, related_name="certifications")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(end_tai="")
                | models.Q(begin_tai__lt=models.F("end_tai")),
                name="certification_begin_before_end",
            ),
            models.UniqueConstraint(
                fields=["collection", "generation", "begin_tai"],
                name="certification_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection} from {self.begin_tai}"
