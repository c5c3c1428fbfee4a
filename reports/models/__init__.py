"""Verification reports and their parts, addressed by the SHA-256 of their files."""

from reports.models.reports import (
    ReportPart,
    ReportStatus,
    VerificationReport,
    VerificationReportQuerySet,
)

__all__ = [
    "ReportPart",
    "ReportStatus",
    "VerificationReport",
    "VerificationReportQuerySet",
]
