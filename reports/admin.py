"""Administration: verification reports and their parts, to be read."""

from django.contrib import admin

from reports.models import ReportPart, VerificationReport
from taxicab.core.admin import ReadOnlyAdmin


@admin.register(VerificationReport)
class VerificationReportAdmin(ReadOnlyAdmin):
    """Reports, by ticket and version."""

    list_display = ("ticket", "version", "status", "sha256", "created_at")
    list_filter = ("status",)


@admin.register(ReportPart)
class ReportPartAdmin(ReadOnlyAdmin):
    """Parts, by report and key."""

    list_display = ("report", "key", "physical_filter", "sha256")
    list_filter = ("calib_type",)
    list_select_related = ("report__ticket",)
