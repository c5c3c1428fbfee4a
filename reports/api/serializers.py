"""What REST says of reports, and what it takes."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from reports.models import ReportPart, VerificationReport
from reports.services.parts import Change, changed_parts

__all__ = [
    "ReportDetailSerializer",
    "ReportRequestSerializer",
    "ReportSerializer",
]


class ReportSerializer(serializers.ModelSerializer[VerificationReport]):
    """A report, without its tables."""

    ticket = serializers.CharField(source="ticket.key")
    instrument = serializers.CharField(source="ticket.instrument_id")
    status = serializers.CharField()
    created_by = serializers.CharField(source="created_by.username")
    verdict = serializers.SerializerMethodField(
        help_text="passed, failed, warning or missing; empty until it is ready."
    )
    generation_collections = serializers.ListField(child=serializers.CharField())
    verification_collections = serializers.ListField(child=serializers.CharField())
    sha256 = serializers.CharField(help_text="Of its manifest; empty until ready.")

    class Meta:
        model = VerificationReport
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "ticket",
            "instrument",
            "version",
            "status",
            "verdict",
            "sha256",
            "generation_collections",
            "verification_collections",
            "job",
            "created_by",
            "created_at",
        )

    def get_verdict(self, report: VerificationReport) -> str:
        """Give the verdict of the whole."""
        return str(report.summary.get("verdict", ""))


class ReportPartSerializer(serializers.ModelSerializer[ReportPart]):
    """A part of a report: one calibration type in one physical filter."""

    class Meta:
        model = ReportPart
        fields: ClassVar[tuple[str, ...]] = (
            "key",
            "calib_type",
            "physical_filter",
            "criteria_version",
            "sha256",
        )


class PartChangeSerializer(serializers.Serializer[Any]):
    """A part beside the same part of the report before."""

    key = serializers.CharField()
    change = serializers.ChoiceField(choices=[(c.value, c.label) for c in Change])
    sha256 = serializers.CharField(help_text="Empty where the part is gone.")
    previous_sha256 = serializers.CharField(help_text="Empty where the part is new.")
    aspects = serializers.ListField(
        child=serializers.CharField(), help_text="What differs in a changed part."
    )


class ReportDetailSerializer(ReportSerializer):
    """A report with the tables its pages show."""

    parts = ReportPartSerializer(many=True, read_only=True)
    changed_parts = serializers.SerializerMethodField(
        help_text="Every part of this report and the ready one before; empty without."
    )
    summary = serializers.DictField(
        help_text="Verdict of each test, failures, images by detector, inputs, "
        "commands, versions, collections and validity."
    )

    class Meta(ReportSerializer.Meta):
        fields = (*ReportSerializer.Meta.fields, "parts", "changed_parts", "summary")

    @extend_schema_field(PartChangeSerializer(many=True))
    def get_changed_parts(self, report: VerificationReport) -> Any:
        """Compare the parts with those of the report before."""
        return PartChangeSerializer(changed_parts(report), many=True).data


class ReportRequestSerializer(serializers.Serializer[Any]):
    """A report to build, of any list of verification and generation runs."""

    ticket = serializers.CharField(help_text="Key of the construction ticket.")
    verifications = serializers.ListField(
        child=serializers.CharField(), default=list, help_text="Names of runs."
    )
    generations = serializers.ListField(
        child=serializers.CharField(),
        default=None,
        allow_null=True,
        help_text="Names of runs; by default those verified, and the newest of every "
        "other type, which is then said to be unverified.",
    )
