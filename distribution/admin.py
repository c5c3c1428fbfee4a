"""Administration: deployments and their steps, to be read."""

from django.contrib import admin

from distribution.models import DeploymentStep, DeploymentTicket, RepositorySnapshot
from taxicab.core.admin import ReadOnlyAdmin


@admin.register(DeploymentTicket)
class DeploymentTicketAdmin(ReadOnlyAdmin):
    """Deployment tickets."""

    list_display = ("key", "taxicab", "stage", "revision", "filed_by")
    list_filter = ("stage",)


@admin.register(DeploymentStep)
class DeploymentStepAdmin(ReadOnlyAdmin):
    """Steps at repositories."""

    list_display = ("target", "kind", "status", "started_at", "ended_at")
    list_filter = ("kind", "status")


@admin.register(RepositorySnapshot)
class RepositorySnapshotAdmin(ReadOnlyAdmin):
    """What repositories held when their workers looked."""

    list_display = ("repository", "instrument", "taken_at")
