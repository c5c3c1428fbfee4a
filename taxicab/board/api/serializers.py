"""What REST says of TAXICAB tickets, and what it takes of the board's members."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from taxicab.board.domain import PositionKind
from taxicab.board.models import Position, TaxicabStage, TaxicabTicket
from taxicab.board.services import deliberation_of

__all__ = [
    "AdoptionSerializer",
    "ConsensusSerializer",
    "DecisionReasonSerializer",
    "HailSerializer",
    "PositionRequestSerializer",
    "ReplacementSerializer",
    "TaxicabDetailSerializer",
    "TaxicabSerializer",
]


KINDS = ", ".join(PositionKind)


class PositionSerializer(serializers.ModelSerializer[Position]):
    """What a board member holds, and the report it rests on."""

    member = serializers.CharField(source="member.username")
    kind = serializers.CharField(help_text=KINDS)

    parts = serializers.DictField(
        child=serializers.CharField(),
        help_text="SHA-256 by key of the parts of the report that it is about.",
    )

    class Meta:
        model = Position
        fields = (
            "member",
            "kind",
            "comment",
            "report_sha256",
            "parts",
            "is_about_all",
            "taken_at",
        )


class RequirementSerializer(serializers.Serializer[Any]):
    """One thing that adoption needs, in words."""

    code = serializers.CharField()
    is_met = serializers.BooleanField()
    is_note = serializers.BooleanField(
        help_text="Said for the reader's sake: it blocks nothing by itself."
    )
    sentence = serializers.CharField()
    how = serializers.CharField(help_text="How to make it true; empty once it is.")


class ConsensusSerializer(serializers.Serializer[Any]):
    """Whether the board agrees to adopt, and why."""

    is_reached = serializers.BooleanField()
    sentence = serializers.CharField()
    requirements = RequirementSerializer(many=True)


class TaxicabSerializer(serializers.ModelSerializer[TaxicabTicket]):
    """A hailing ticket and its two others."""

    key = serializers.CharField()
    instrument = serializers.CharField(source="construction.instrument_id")
    stage = serializers.ChoiceField(choices=[(s.value, s.label) for s in TaxicabStage])
    meeting = serializers.DateField(
        source="flagged_for.day",
        default=None,
        help_text="Day of the meeting that it is flagged for.",
    )
    construction = serializers.CharField(source="construction.key")
    deployment = serializers.SerializerMethodField(
        help_text="Key of the deployment ticket; empty until one is filed."
    )
    report = serializers.IntegerField(source="report_id")
    report_sha256 = serializers.CharField(source="report.sha256")
    hailed_by = serializers.CharField(source="hailed_by.username")
    decided_by = serializers.CharField(source="decided_by.username", default="")

    class Meta:
        model = TaxicabTicket
        fields: ClassVar[tuple[str, ...]] = (
            "key",
            "instrument",
            "stage",
            "meeting",
            "summary",
            "construction",
            "deployment",
            "report",
            "report_sha256",
            "hailed_by",
            "hailed_at",
            "decided_by",
            "decided_at",
            "decision_reason",
        )

    def get_deployment(self, ticket: TaxicabTicket) -> str:
        """Give the key of the deployment ticket."""
        deployment = getattr(ticket, "deployment", None)
        return deployment.key if deployment else ""


class TaxicabDetailSerializer(TaxicabSerializer):
    """A hailing ticket with the positions on it and what they amount to."""

    positions = PositionSerializer(many=True)
    stale = serializers.SerializerMethodField(
        help_text="Parts that changed since a member's position, by member."
    )
    consensus = serializers.SerializerMethodField()

    class Meta(TaxicabSerializer.Meta):
        fields = (*TaxicabSerializer.Meta.fields, "positions", "stale", "consensus")

    @extend_schema_field(ConsensusSerializer)
    def get_consensus(self, ticket: TaxicabTicket) -> dict[str, Any]:
        """Give the consensus in words."""
        return dict(ConsensusSerializer(deliberation_of(ticket).consensus).data)

    @extend_schema_field(
        serializers.DictField(
            child=serializers.ListField(child=serializers.CharField())
        )
    )
    def get_stale(self, ticket: TaxicabTicket) -> dict[str, list[str]]:
        """Give what changed since each stale position was taken."""
        return {
            one.row.member.get_username(): list(one.stale)
            for one in deliberation_of(ticket).positions
            if one.stale
        }


class HailSerializer(serializers.Serializer[Any]):
    """A set to put before the board."""

    construction = serializers.CharField(help_text="Key of the construction ticket.")
    report = serializers.IntegerField(help_text="A ready report of that ticket.")
    summary = serializers.CharField(required=False, default="", allow_blank=True)


class PositionRequestSerializer(serializers.Serializer[Any]):
    """A position to take; an objection says what would lift it."""

    kind = serializers.RegexField(rf"^({'|'.join(PositionKind)})$", help_text=KINDS)
    comment = serializers.CharField(required=False, default="", allow_blank=True)
    parts = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        default=list,
        help_text="Keys of the report's parts that it is about; by default all.",
    )
    report_sha256 = serializers.CharField(
        required=False,
        default="",
        source="seen",
        help_text="The report that the member saw; refused if it is another by now.",
    )


class ReplacementSerializer(serializers.Serializer[Any]):
    """A newer report of the same construction ticket."""

    report = serializers.IntegerField(help_text="A ready report of that ticket.")


class AdoptionSerializer(serializers.Serializer[Any]):
    """Why, if there is more to say than that the board agrees."""

    reason = serializers.CharField(required=False, default="", allow_blank=True)


class DecisionReasonSerializer(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField()
