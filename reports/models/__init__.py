"""Verification reports, addressed by the SHA-256 of their files."""

from reports.models.reports import (
    ReportStatus,
    VerificationReport,
    VerificationReportQuerySet,
)

__all__ = ["ReportStatus", "VerificationReport", "VerificationReportQuerySet"]
