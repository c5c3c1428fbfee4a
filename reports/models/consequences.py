"""What adopting a report's set would change, as the Butler stood when it was read."""

from django.db import models

from reports.models.reports import VerificationReport

__all__ = ["ReportConsequence"]


class ReportConsequence(models.Model):
    """The default chain with and without the set, and the exposures in between."""

    report = models.OneToOneField(
        VerificationReport, on_delete=models.CASCADE, related_name="consequence"
    )
    chain = models.TextField()
    """The default chain, which every exposure is processed with."""
    now = models.JSONField(default=list)
    """What it has, in order of search: one `Certified` a row."""
    then = models.JSONField(default=list)
    """What it would have."""
    nights = models.JSONField(default=list)
    """For each night and filter its number of exposures and the types that change."""
    exposures = models.JSONField(default=dict)
    """Begin (TAI) and filter of every exposure, by number, of the nights in which a
    calibration begins or ends: its night says nothing of those."""
    read_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"consequence of {self.report}"
