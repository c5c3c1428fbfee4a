"""What the core's answers look like."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from taxicab.core.domain.notices import NoticeEvent, WebhookForm
from taxicab.core.models import AuditEvent, Job, Notice, NoticeChoice, Repository
from taxicab.core.services.subjects import subject_address

__all__ = [
    "EventSerializer",
    "JobSerializer",
    "NoticeChoicesSerializer",
    "NoticeSerializer",
    "RepositorySerializer",
]


@extend_schema_serializer(component_name="RepositoryDetail")
class RepositorySerializer(serializers.ModelSerializer[Repository]):
    """A Butler repository at a facility; how it is reached stays inside."""

    key = serializers.CharField(source="slug", read_only=True)
    facility = serializers.CharField(source="facility.name", read_only=True)
    instruments = serializers.SerializerMethodField()
    is_connected = serializers.BooleanField(read_only=True)

    class Meta:
        model = Repository
        fields: ClassVar = [
            "key",
            "facility",
            "path",
            "instruments",
            "is_connected",
            "is_build",
            "is_cleaned",
            "queue",
            "transport",
        ]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_instruments(self, repository: Repository) -> list[str]:
        """Cameras that it holds."""
        return [one.name for one in repository.instruments.all()]


@extend_schema_serializer(component_name="JobDetail")
class JobSerializer(serializers.ModelSerializer[Job]):
    """A step that a worker takes for somebody."""

    repository = serializers.CharField(
        source="repository.slug", read_only=True, allow_null=True, default=None
    )
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )
    is_over = serializers.BooleanField(read_only=True)
    progress_percent = serializers.IntegerField(read_only=True)
    subject_page = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields: ClassVar = [
            "id",
            "kind",
            "title",
            "status",
            "is_over",
            "repository",
            "queue",
            "subject_kind",
            "subject_key",
            "subject_page",
            "created_by",
            "created_at",
            "started_at",
            "ended_at",
            "attempts",
            "planned",
            "done",
            "failed",
            "progress_percent",
            "message",
            "log",
            "traceback",
            "commands",
            "result",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField())
    def get_subject_page(self, job: Job) -> str:
        """Address of the page that the job is about."""
        return subject_address(job.subject_kind, job.subject_key)


class EventSerializer(serializers.ModelSerializer[AuditEvent]):
    """Who changed what, from what, to what, and why."""

    by = serializers.CharField(read_only=True)

    class Meta:
        model = AuditEvent
        fields: ClassVar = [
            "id",
            "at",
            "by",
            "subject_kind",
            "subject_key",
            "action",
            "before",
            "after",
            "why",
            "details",
            "number",
            "previous_sha256",
            "sha256",
        ]
        read_only_fields = fields


class NoticeChoiceSerializer(serializers.Serializer[NoticeChoice]):
    """By which ways the person is told of an event."""

    event = serializers.ChoiceField(choices=[(e.value, e.label) for e in NoticeEvent])
    portal = serializers.BooleanField()
    email = serializers.BooleanField()
    webhook = serializers.BooleanField()


class NoticeChoicesSerializer(serializers.Serializer[Any]):
    """How the person wants to be told; what is left out stays as it is."""

    choices = NoticeChoiceSerializer(many=True, required=False, default=list)
    url = serializers.URLField(
        required=False,
        max_length=500,
        allow_blank=True,
        help_text="Of their webhook; empty: none.",
    )
    form = serializers.ChoiceField(
        choices=[(one.value, one.label) for one in WebhookForm], required=False
    )


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """One thing that the person was told."""

    class Meta:
        model = Notice
        fields: ClassVar = [
            "id",
            "event",
            "subject_kind",
            "subject_key",
            "text",
            "url",
            "at",
            "read_at",
        ]
        read_only_fields = fields
