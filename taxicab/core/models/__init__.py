"""What every ticket needs: instruments and sites, roles, jobs, the audit trail."""

from taxicab.core.models.audit import AuditEvent, AuditHead
from taxicab.core.models.jobs import Job, JobStatus
from taxicab.core.models.notifications import (
    DeliveryStatus,
    Notice,
    NoticeChoice,
    NoticeDelivery,
    NoticeWebhook,
)
from taxicab.core.models.people import RoleGrant
from taxicab.core.models.sites import Facility, Instrument, Repository, Transport

__all__ = [
    "AuditEvent",
    "AuditHead",
    "DeliveryStatus",
    "Facility",
    "Instrument",
    "Job",
    "JobStatus",
    "Notice",
    "NoticeChoice",
    "NoticeDelivery",
    "NoticeWebhook",
    "Repository",
    "RoleGrant",
    "Transport",
]
