"""What REST says of reports, and what it takes."""

from typing import Any, ClassVar

from rest_framework import serializers

from reports.models import VerificationReport

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


class ReportDetailSerializer(ReportSerializer):
    """A report with the tables its pages show."""

    summary = serializers.DictField(
        help_text="Verdict of each test, failures, images by detector, inputs, "
        "commands, versions, collections and validity."
    )

    class Meta(ReportSerializer.Meta):
        fields = (*ReportSerializer.Meta.fields, "summary")


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
