"""Verification reports and their parts, addressed by the SHA-256 of their files."""

from reports.models.consequences import ReportConsequence
from reports.models.images import WHOLE_PLANE, ImageRank, ReportImage
from reports.models.reports import (
    ReportPart,
    ReportStatus,
    VerificationReport,
    VerificationReportQuerySet,
)

__all__ = [
    "WHOLE_PLANE",
    "ImageRank",
    "ReportConsequence",
    "ReportImage",
    "ReportPart",
    "ReportStatus",
    "VerificationReport",
    "VerificationReportQuerySet",
]
