"""Administration: construction tickets and what was made for them, to be read."""

from django.contrib import admin

from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    Verification,
)
from taxicab.core.admin import ReadOnlyAdmin


@admin.register(ConstructionTicket)
class ConstructionTicketAdmin(ReadOnlyAdmin):
    """Construction tickets."""

    list_display = ("key", "instrument", "tag", "stage", "iteration", "owner")
    list_filter = ("stage", "instrument")
    search_fields = ("key", "tag", "reason")


@admin.register(Selection)
class SelectionAdmin(ReadOnlyAdmin):
    """Chosen exposures."""

    list_display = ("ticket", "calib_type", "purpose", "status", "where")
    list_filter = ("calib_type", "purpose", "status")


@admin.register(Generation, Verification)
class RunAdmin(ReadOnlyAdmin):
    """Runs in the Butler."""

    list_display = ("collection", "status", "created_by", "created_at")
    list_filter = ("status",)
    search_fields = ("collection",)


@admin.register(Certification)
class CertificationAdmin(ReadOnlyAdmin):
    """Validity ranges."""

    list_display = ("collection", "begin_tai", "end_tai", "status")
    list_filter = ("status",)
