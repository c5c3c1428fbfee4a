"""A deployment: one ticket, one target a repository, its steps in order."""

from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models

from distribution.domain import (
    DeploymentStage,
    DeploymentStepStatus,
    StepKind,
    TargetStatus,
)
from taxicab.board.models import TaxicabTicket
from taxicab.core.models import Job, Repository, RoleGrant
from taxicab.core.roles import Action, roles_that_may


class DeploymentTicketQuerySet(models.QuerySet["DeploymentTicket"]):
    """Named reads of deployment tickets."""

    def readable_by(self, user: User | AnonymousUser) -> Self:
        """Deployments of instruments that somebody may read about; one query."""
        if not user.is_authenticated:
            return self.none()
        grants = RoleGrant.objects.filter(
            models.Q(instrument=None)
            | models.Q(instrument=models.OuterRef("taxicab__construction__instrument")),
            user_id=user.pk,
            user__is_active=True,
            role__in=roles_that_may(Action.READ),
        )
        return self.filter(models.Exists(grants))

    def detailed(self) -> Self:
        """With everything a page or an answer shows, in four queries."""
        return self.select_related(
            "taxicab__construction__instrument", "filed_by"
        ).prefetch_related("targets__repository__facility", "targets__steps__job")


class DeploymentTicket(models.Model):
    """Copies an adopted set to every site; acts only after adoption."""

    key = models.CharField(max_length=24, unique=True)
    taxicab = models.OneToOneField(
        TaxicabTicket, on_delete=models.PROTECT, related_name="deployment"
    )
    url = models.URLField(blank=True)
    stage = models.CharField(
        max_length=16,
        choices={s: s.label for s in DeploymentStage},
        default=DeploymentStage.FILED,
    )
    revision = models.PositiveIntegerField(default=1)
    """Grows with every change a client can see; it is the ETag."""
    filed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    filed_at = models.DateTimeField(auto_now_add=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    """Of the sealed export; empty before the first export."""

    objects = DeploymentTicketQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.key


class DeploymentTarget(models.Model):
    """One repository of a deployment."""

    deployment = models.ForeignKey(
        DeploymentTicket, on_delete=models.CASCADE, related_name="targets"
    )
    repository = models.ForeignKey(
        Repository, on_delete=models.PROTECT, related_name="deployment_targets"
    )
    is_origin = models.BooleanField(default=False)
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in TargetStatus},
        default=TargetStatus.PLANNED,
    )
    skip_reason = models.TextField(blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-is_origin", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["deployment", "repository"], name="one_target_a_repository"
            ),
            models.CheckConstraint(
                condition=~models.Q(status=TargetStatus.SKIPPED)
                | ~models.Q(skip_reason=""),
                name="skipped_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment.key} at {self.repository}"


class DeploymentStep(models.Model):
    """One step at one target; may be run again at any time without harm."""

    target = models.ForeignKey(
        DeploymentTarget, on_delete=models.CASCADE, related_name="steps"
    )
    kind = models.CharField(max_length=16, choices={k: k.label for k in StepKind})
    position = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in DeploymentStepStatus},
        default=DeploymentStepStatus.PLANNED,
    )
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)
    result = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["target", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["target", "kind"], name="one_step_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.target}: {self.kind}"
