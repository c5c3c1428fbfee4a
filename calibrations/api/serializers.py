"""What REST says of construction, and what it takes."""

from typing import Any, cast

from django.contrib.auth import get_user_model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from calibrations.domain.graph import CalibrationType
from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    MetricResult,
    Selection,
    SelectionPurpose,
    Verification,
)
from calibrations.services.chains import chain_of
from calibrations.services.steps import Step, last_job
from taxicab.core.models import Instrument

__all__ = [
    "CertificationRequestSerializer",
    "CertificationSerializer",
    "ChecklistLineSerializer",
    "CodeChangesSerializer",
    "CommandsSerializer",
    "GenerationRequestSerializer",
    "GenerationSerializer",
    "JobSerializer",
    "MetricResultSerializer",
    "OpeningSerializer",
    "SelectionRequestSerializer",
    "SelectionSerializer",
    "TicketSerializer",
    "VerificationRequestSerializer",
    "VerificationSerializer",
    "WhySerializer",
    "read",
]

Person = get_user_model()


class TicketSerializer(serializers.ModelSerializer[ConstructionTicket]):
    """A construction ticket."""

    instrument = serializers.CharField(source="instrument_id")
    repository = serializers.CharField(source="repository.slug")
    owner = serializers.CharField(source="owner.username")
    code_reviewer = serializers.CharField(
        source="code_reviewer.username", default="", help_text="Empty: none named."
    )
    stage = serializers.CharField()
    chain = serializers.SerializerMethodField(
        help_text="CHAINED collection of what is certified."
    )

    class Meta:
        model = ConstructionTicket
        fields = (
            "key",
            "instrument",
            "repository",
            "graph",
            "tag",
            "reason",
            "owner",
            "url",
            "stage",
            "iteration",
            "chain",
            "has_code_changes",
            "code_change_reason",
            "code_review_url",
            "code_reviewer",
            "code_reviewed_at",
            "created_at",
        )

    def get_chain(self, ticket: ConstructionTicket) -> str:
        """Name the ticket's chain."""
        return chain_of(ticket)


class ProblemSerializer(serializers.Serializer[dict[str, str]]):
    """One thing about a selection that does not fit its type."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class ExposureSerializer(serializers.Serializer[dict[str, Any]]):
    """One exposure, as the Butler described it."""

    id = serializers.IntegerField()
    obs_id = serializers.CharField()
    day_obs = serializers.IntegerField()
    seq_num = serializers.IntegerField()
    observation_type = serializers.CharField()
    observation_reason = serializers.CharField()
    physical_filter = serializers.CharField()
    exposure_time_s = serializers.FloatField()
    dark_time_s = serializers.FloatField()
    begin_tai = serializers.CharField()
    n_detectors = serializers.IntegerField()


class SelectionSerializer(serializers.ModelSerializer[Selection]):
    """Exposures chosen with an expression, and whether they fit."""

    ticket = serializers.CharField(source="ticket.key")
    purpose = serializers.CharField()
    status = serializers.CharField()
    exposures = ExposureSerializer(many=True)
    problems = ProblemSerializer(many=True)
    may_run = serializers.BooleanField(help_text="It fits, or was answered for.")
    override_by = serializers.CharField(source="override_by.username", default="")
    created_by = serializers.CharField(source="created_by.username")

    class Meta:
        model = Selection
        fields = (
            "id",
            "ticket",
            "label",
            "calib_type",
            "physical_filter",
            "purpose",
            "where",
            "status",
            "may_run",
            "exposures",
            "problems",
            "override_reason",
            "override_by",
            "versions",
            "created_by",
            "created_at",
            "job",
        )
        extra_kwargs = {"label": {"read_only": True}}


class StepSerializer(serializers.ModelSerializer[Any]):
    """What every step has."""

    status = serializers.CharField()
    created_by = serializers.CharField(source="created_by.username")
    job = serializers.SerializerMethodField(help_text="Id of its last job.")

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_job(self, step: Step) -> int | None:
        """Find the job whose end decides how the step stands."""
        job = last_job(step)
        return job.pk if job else None


RUN_FIELDS = (
    "id",
    "collection",
    "rerun",
    "status",
    "fingerprint",
    "input_collections",
    "configuration",
    "versions",
    "datasets",
    "created_by",
    "created_at",
    "ended_at",
    "job",
)


class GenerationSerializer(StepSerializer):
    """One attempt at a calibration; its collection is the RUN."""

    ticket = serializers.CharField(source="ticket.key")

    class Meta:
        model = Generation
        fields = (
            "ticket",
            "iteration",
            "calib_type",
            "physical_filter",
            "band",
            "units",
            "selection",
            "precursors",
            *RUN_FIELDS,
        )


class VerificationSerializer(StepSerializer):
    """The tests of one generation."""

    ticket = serializers.CharField(source="generation.ticket.key")
    n_results = serializers.IntegerField()
    n_failures = serializers.IntegerField(help_text="Beyond their limit; no advice.")

    class Meta:
        model = Verification
        fields = (
            "ticket",
            "generation",
            "selections",
            "criteria_version",
            "n_results",
            "n_failures",
            *RUN_FIELDS,
        )


class CertificationSerializer(StepSerializer):
    """A generation's validity range, half-open, in TAI."""

    ticket = serializers.CharField(source="ticket.key")

    class Meta:
        model = Certification
        fields = (
            "id",
            "ticket",
            "generation",
            "collection",
            "begin_tai",
            "end_tai",
            "status",
            "n_datasets",
            "created_by",
            "created_at",
            "ended_at",
            "job",
        )


class MetricResultSerializer(serializers.ModelSerializer[MetricResult]):
    """One test of one amplifier, detector or exposure."""

    class Meta:
        model = MetricResult
        exclude = ("id", "verification")


class ChecklistLineSerializer(serializers.Serializer[Any]):
    """One line of DMTN-222 §3.7."""

    text = serializers.CharField()
    is_done = serializers.BooleanField()
    evidence = serializers.CharField()


class CommandsSerializer(serializers.Serializer[dict[str, Any]]):
    """The equivalent command lines of one job."""

    job = serializers.IntegerField()
    title = serializers.CharField()
    status = serializers.CharField()
    started_at = serializers.CharField()
    ended_at = serializers.CharField(allow_null=True)
    commands = serializers.ListField(child=serializers.CharField())


class JobSerializer(serializers.Serializer[dict[str, int]]):
    """A job that was queued."""

    job = serializers.IntegerField()


class OpeningSerializer(serializers.Serializer[Any]):
    """A construction ticket to open."""

    key = serializers.CharField(help_text="DM-nnnnn, as entered.")
    instrument = serializers.PrimaryKeyRelatedField(queryset=Instrument.objects.all())
    tag = serializers.CharField()
    reason = serializers.CharField()
    url = serializers.URLField(required=False, default="", allow_blank=True)
    has_code_changes = serializers.BooleanField(required=False, default=False)
    code_review_url = serializers.URLField(required=False, default="", allow_blank=True)
    code_reviewer = serializers.SlugRelatedField(
        slug_field="username",
        queryset=Person.objects.all(),
        required=False,
        default=None,
        allow_null=True,
    )


class CodeChangesSerializer(serializers.Serializer[Any]):
    """What code was changed, and who reviews it."""

    reason = serializers.CharField()
    code_review_url = serializers.URLField()
    code_reviewer = serializers.SlugRelatedField(
        slug_field="username", queryset=Person.objects.all()
    )


class SelectionRequestSerializer(serializers.Serializer[Any]):
    """Exposures to look up."""

    calib_type = serializers.ChoiceField(choices=[str(t) for t in CalibrationType])
    purpose = serializers.ChoiceField(choices=[str(p) for p in SelectionPurpose])
    where = serializers.CharField(help_text="Butler expression.")
    physical_filter = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=32
    )


class GenerationRequestSerializer(serializers.Serializer[Any]):
    """A calibration to generate from a selection."""

    configuration = serializers.DictField(
        required=False,
        default=dict,
        help_text="Overrides of the pipeline: {task:field: value}.",
    )


class VerificationRequestSerializer(serializers.Serializer[Any]):
    """A generation to verify, on its inputs and on these selections."""

    selections = serializers.ListField(
        child=serializers.IntegerField(), required=False, default=list
    )


class CertificationRequestSerializer(serializers.Serializer[Any]):
    """A validity range."""

    begin_tai = serializers.CharField(help_text="ISO-8601, TAI.")
    end_tai = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="Empty: open."
    )


class WhySerializer(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField()


def read(
    serializer: type[serializers.Serializer[Any]], request: Request
) -> dict[str, Any]:
    """Check what a request brings."""
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return cast(dict[str, Any], given.validated_data)
