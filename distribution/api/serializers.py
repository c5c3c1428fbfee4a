"""What REST says of deployments, and what it takes."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from distribution.domain import DeploymentStage, StepKind
from distribution.models import DeploymentStep, DeploymentTarget, DeploymentTicket
from taxicab.core.services.subjects import subject_address

__all__ = [
    "DeploymentSerializer",
    "FilingSerializer",
    "ReasonSerializer",
    "RepositoryReasonSerializer",
    "RepositorySerializer",
    "StepChoiceSerializer",
    "TrackingRowSerializer",
]


class StepSerializer(serializers.ModelSerializer[DeploymentStep]):
    """One step at one repository."""

    class Meta:
        model = DeploymentStep
        fields = ("kind", "status", "started_at", "ended_at", "message", "job")


class TargetSerializer(serializers.ModelSerializer[DeploymentTarget]):
    """One repository of a deployment, with its steps in order."""

    facility = serializers.CharField(source="repository.facility.name")
    repository = serializers.CharField(
        source="repository.path", help_text="The name at its site."
    )
    slug = serializers.CharField(
        source="repository.slug", help_text="How verbs name the repository."
    )
    steps = StepSerializer(many=True)

    class Meta:
        model = DeploymentTarget
        fields = (
            "facility",
            "repository",
            "slug",
            "is_origin",
            "status",
            "skip_reason",
            "changed_at",
            "steps",
        )


class LinkSerializer(serializers.Serializer[dict[str, str]]):
    """Another ticket: its key and its page."""

    key = serializers.CharField()
    url = serializers.CharField()


class DeploymentSerializer(serializers.ModelSerializer[DeploymentTicket]):
    """A deployment ticket and its state at every repository."""

    instrument = serializers.CharField(source="taxicab.construction.instrument_id")
    construction = serializers.SerializerMethodField()
    taxicab = serializers.SerializerMethodField()
    status = serializers.ChoiceField(
        source="stage", choices={s: s.label for s in DeploymentStage}
    )
    filed_by = serializers.CharField(source="filed_by.username")
    targets = TargetSerializer(many=True)

    class Meta:
        model = DeploymentTicket
        fields = (
            "key",
            "instrument",
            "construction",
            "taxicab",
            "url",
            "status",
            "revision",
            "filed_by",
            "filed_at",
            "manifest_sha256",
            "targets",
        )

    @extend_schema_field(LinkSerializer)
    def get_construction(self, deployment: DeploymentTicket) -> dict[str, str]:
        """Link to the construction ticket."""
        return self._link("construction", deployment.taxicab.construction.key)

    @extend_schema_field(LinkSerializer)
    def get_taxicab(self, deployment: DeploymentTicket) -> dict[str, str]:
        """Link to the TAXICAB ticket."""
        return self._link("taxicab", deployment.taxicab.key)

    def _link(self, kind: str, key: str) -> dict[str, str]:
        address = subject_address(kind, key)
        request = self.context.get("request")
        return {
            "key": key,
            "url": request.build_absolute_uri(address) if request else address,
        }


class CellSerializer(serializers.Serializer[Any]):
    """What one repository has of one set."""

    repository = serializers.CharField()
    facility = serializers.CharField()
    path = serializers.CharField()
    status = serializers.CharField(
        help_text="A target's status, `differs` from what its workers saw, or "
        "`not planned`, `not held`, `not connected`."
    )
    since = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class TrackingRowSerializer(serializers.Serializer[Any]):
    """One TAXICAB ticket, its two others, and its state at every repository."""

    taxicab = serializers.CharField()
    instrument = serializers.CharField()
    construction = serializers.CharField()
    deployment = serializers.CharField(help_text="Empty while none is filed.")
    stage = serializers.CharField()
    decision = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    hailed_at = serializers.DateTimeField()
    deployment_stage = serializers.CharField()
    cells = CellSerializer(many=True)


class FilingSerializer(serializers.Serializer[Any]):
    """A deployment ticket to file."""

    taxicab = serializers.RegexField(
        r"^TAXICAB-[1-9][0-9]{0,8}$", help_text="TAXICAB-nn"
    )
    key = serializers.CharField(max_length=24, help_text="DM-nnnnn, as entered.")
    url = serializers.URLField(required=False, default="", allow_blank=True)


class RepositorySerializer(serializers.Serializer[Any]):
    """A repository of the deployment."""

    repository = serializers.CharField(help_text="Its slug.")


class RepositoryReasonSerializer(RepositorySerializer):
    """A repository, and why."""

    reason = serializers.CharField()


class StepChoiceSerializer(RepositorySerializer):
    """A step at a repository."""

    step = serializers.ChoiceField(choices={k: k.label for k in StepKind})


class ReasonSerializer(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField()
