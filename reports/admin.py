"""Administration: verification reports, to be read."""

from django.contrib import admin

from reports.models import VerificationReport
from taxicab.core.admin import ReadOnlyAdmin


@admin.register(VerificationReport)
class VerificationReportAdmin(ReadOnlyAdmin):
    """Reports, by ticket and version."""

    list_display = ("ticket", "version", "status", "sha256", "created_at")
    list_filter = ("status",)
