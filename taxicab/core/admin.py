"""Administration of people's roles and of repositories; all else is only looked at.

What the portal itself moves (jobs, tickets, the audit trail) is changed by its
services alone: here it can be read.
"""

from typing import Any

from django.contrib import admin
from django.db import models, transaction
from django.forms import ModelForm
from django.http import HttpRequest

from taxicab.core.models import (
    AuditEvent,
    Facility,
    Instrument,
    Job,
    Repository,
    RoleGrant,
)
from taxicab.core.pages import signed_in
from taxicab.core.services.audit import record

__all__ = ["AuditedAdmin", "ReadOnlyAdmin"]

admin.site.site_header = "TAXICAB portal: administration"
admin.site.site_title = "TAXICAB administration"
admin.site.index_title = "People, sites, and what the portal keeps"


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shows rows that only services change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: rows are made by services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a change without its audit event would be a lie."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the record stays."""
        return False


class AuditedAdmin(admin.ModelAdmin):
    """Writes an audit event with every change that is made here."""

    audit_kind = ""

    def audit_key(self, row: models.Model) -> str:
        """Name the row in the audit trail."""
        return str(row)[:160]

    @transaction.atomic
    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm, change: bool
    ) -> None:
        """Save, and say what was changed."""
        before = ", ".join(f"{n}={form.initial.get(n)}" for n in form.changed_data)
        after = ", ".join(f"{n}={form.cleaned_data.get(n)}" for n in form.changed_data)
        super().save_model(request, obj, form, change)
        record(
            by=signed_in(request),
            subject=(self.audit_kind, self.audit_key(obj)),
            action="changed" if change else "added",
            before=before[:255] if change else "",
            after=after[:255],
        )

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, and say what was."""
        key = self.audit_key(obj)
        super().delete_model(request, obj)
        record(by=signed_in(request), subject=(self.audit_kind, key), action="deleted")

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete several one by one, so that each has its event."""
        for row in queryset:
            self.delete_model(request, row)


@admin.register(RoleGrant)
class RoleGrantAdmin(AuditedAdmin):
    """Who is what, for which camera."""

    audit_kind = "role"
    list_display = ("user", "role", "instrument", "must_be_heard")
    list_filter = ("role", "instrument", "must_be_heard")
    autocomplete_fields = ("user",)


@admin.register(Repository)
class RepositoryAdmin(AuditedAdmin):
    """How repositories are reached, and which cameras they hold."""

    audit_kind = "repository"
    list_display = ("__str__", "location", "queue", "is_build", "is_cleaned")
    list_filter = ("facility", "instruments")
    filter_horizontal = ("instruments",)

    def audit_key(self, row: models.Model) -> str:
        """Repositories are named by their page's address."""
        return row.slug if isinstance(row, Repository) else super().audit_key(row)


@admin.register(Facility, Instrument)
class PlaceAdmin(AuditedAdmin):
    """Facilities and cameras."""

    audit_kind = "place"


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs, as their workers left them."""

    list_display = ("title", "status", "repository", "subject_key", "created_at")
    list_filter = ("status", "kind", "repository")
    search_fields = ("title", "subject_key")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The audit trail."""

    list_display = ("at", "by", "subject_key", "action", "before", "after")
    list_filter = ("subject_kind",)
    search_fields = ("subject_key", "action", "why", "user__username")
