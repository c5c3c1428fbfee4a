"""Administration of people's roles and of repositories; all else is only looked at.

What the portal itself moves (jobs, tickets, the audit trail) is changed by its
services alone: here it can be read.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db import models, transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from taxicab.core.models import (
    AuditEvent,
    Facility,
    Instrument,
    Job,
    NoticeDelivery,
    Repository,
    RoleGrant,
)
from taxicab.core.pages import signed_in
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import may_everywhere

__all__ = ["AuditedAdmin", "ReadOnlyAdmin"]

admin.site.site_header = "TAXICAB portal: administration"
admin.site.site_title = "TAXICAB administration"
admin.site.index_title = "People, sites, and what the portal keeps"


class ManagedAdmin(admin.ModelAdmin):
    """Opens to administrators by the table of roles, not by Django's permissions.

    What is managed here holds for every instrument (a grant, a repository), and so
    must the role.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the application to who manages."""
        return _manages(request) or super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let who manages read."""
        return _manages(request) or super().has_view_permission(request, obj)


def _manages(request: HttpRequest) -> bool:
    return may_everywhere(request.user, Action.MANAGE)


class ReadOnlyAdmin(ManagedAdmin):
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


class AuditedAdmin(ManagedAdmin):
    """Writes an audit event with every change that is made here."""

    audit_kind = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let who manages add."""
        return _manages(request) or super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let who manages change."""
        return _manages(request) or super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let who manages delete."""
        return _manages(request) or super().has_delete_permission(request, obj)

    def audit_key(self, row: models.Model) -> str:
        """Name the row in the audit trail."""
        return str(row)[:160]

    @transaction.atomic
    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm, change: bool
    ) -> None:
        """Save, and say what was changed."""
        # No password is ever written down, not even the first one.
        changed = [name for name in form.changed_data if "password" not in name]
        before = ", ".join(f"{n}={form.initial.get(n)}" for n in changed)
        after = ", ".join(f"{n}={form.cleaned_data.get(n)}" for n in changed)
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


admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(AuditedAdmin, UserAdmin):
    """Accounts; what they may do is in their roles.

    Django's own groups and permissions are not offered, and superusers are made at
    the command line.
    """

    audit_kind = "person"
    list_display = ("username", "first_name", "last_name", "email", "is_active")
    list_filter = ("is_active", "is_staff", "role_grants__role")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Name", {"fields": ("first_name", "last_name", "email")}),
        ("Account", {"fields": ("is_active", "is_staff")}),
    )

    def audit_key(self, row: models.Model) -> str:
        """People are named by their user name."""
        return row.get_username() if isinstance(row, User) else super().audit_key(row)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave superusers to superusers: who sets a password can be that person."""
        if obj is not None and obj.is_superuser and not signed_in(request).is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: who leaves is made inactive, and stays in the record."""
        return False

    @transaction.atomic
    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        """Set somebody's password, and say that it was set."""
        answer = super().user_change_password(request, id, form_url)
        if request.method == "POST" and answer.status_code == 302:
            person = User.objects.get(pk=id)
            subject = (self.audit_kind, self.audit_key(person))
            record(by=signed_in(request), subject=subject, action="password set")
        return answer


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


@admin.register(NoticeDelivery)
class NoticeDeliveryAdmin(ReadOnlyAdmin):
    """E-mails and webhooks: what arrived, what is tried again, what was given up."""

    list_display = ("notice", "channel", "status", "attempts", "next_at", "problem")
    list_filter = ("status", "channel")
    search_fields = ("notice__user__username", "problem")
