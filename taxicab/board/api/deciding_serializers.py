"""What REST says of objections, waivers, tasks and threads, and what it takes."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers

from taxicab.board.domain import CoverState
from taxicab.board.models import (
    Meeting,
    Message,
    Objection,
    ProcessingTask,
    Thread,
    ThreadKind,
    Waiver,
)

__all__ = [
    "FailureSerializer",
    "MessageRequestSerializer",
    "ObjectionRequestSerializer",
    "ObjectionSerializer",
    "ResolutionSerializer",
    "TaskNoteSerializer",
    "TaskSerializer",
    "TextSerializer",
    "ThreadSerializer",
    "WaiverRequestSerializer",
    "WaiverSerializer",
]

_SEEN = "The report that the member saw; refused if it is another by now."


class FailureSerializer(serializers.Serializer[Any]):
    """A failure of the report, and whether it is waived."""

    key = serializers.CharField(source="failure.key")
    part = serializers.CharField(source="failure.part")
    calib_type = serializers.CharField(source="failure.calib_type")
    physical_filter = serializers.CharField(source="failure.physical_filter")
    level = serializers.CharField(source="failure.level")
    test = serializers.CharField(source="failure.test")
    kind = serializers.CharField(source="failure.kind")
    raft = serializers.CharField(source="failure.raft")
    detector = serializers.IntegerField(source="failure.detector")
    amplifier = serializers.CharField(source="failure.amplifier")
    exposure = serializers.IntegerField(source="failure.exposure")
    place = serializers.CharField(source="failure.place")
    tests = serializers.ListField(
        source="failure.tests",
        child=serializers.CharField(),
        help_text="Of what could not be measured: level and test of each.",
    )
    value = serializers.FloatField(source="failure.value", allow_null=True)
    limit = serializers.FloatField(source="failure.limit", allow_null=True)
    unit = serializers.CharField(source="failure.unit")
    margin = serializers.FloatField(source="failure.margin", allow_null=True)
    state = serializers.ChoiceField(choices=[state.value for state in CoverState])
    sentence = serializers.CharField(help_text="Of the waiver, in words.")
    waiver = serializers.IntegerField(
        source="waiver.number", allow_null=True, default=None
    )


class ObjectionSerializer(serializers.ModelSerializer[Objection]):
    """An objection, and how it ended."""

    author = serializers.CharField(source="author.username")
    ended_by = serializers.CharField(source="ended_by.username", default="")
    status = serializers.CharField()
    scope = serializers.CharField(help_text="What it is about, in words.")
    meeting: "serializers.SlugRelatedField[Meeting]" = serializers.SlugRelatedField(
        slug_field="day",
        read_only=True,
        help_text="Day of the meeting that resolved it, if one did.",
    )

    class Meta:
        model = Objection
        fields = (
            "id",
            "author",
            "status",
            "scope",
            "part",
            "level",
            "test",
            "detector",
            "amplifier",
            "about",
            "reason",
            "raised_at",
            "ended_by",
            "ended_at",
            "ending",
            "meeting",
        )


class ObjectionRequestSerializer(serializers.Serializer[Any]):
    """What a member objects to, and why."""

    part = serializers.CharField(required=False, default="", allow_blank=True)
    level = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=8
    )
    test = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=64
    )
    detector = serializers.IntegerField(required=False, default=None, allow_null=True)
    amplifier = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=16
    )
    about = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=200
    )
    reason = serializers.CharField()
    report_sha256 = serializers.CharField(
        required=False, default="", source="seen", help_text=_SEEN
    )


class ResolutionSerializer(serializers.Serializer[Any]):
    """How the meeting resolved an objection."""

    resolution = serializers.CharField()
    meeting = serializers.SlugRelatedField(
        slug_field="day",
        queryset=Meeting.objects.all(),
        required=False,
        default=None,
        allow_null=True,
        help_text="Day of the meeting that agreed on it, if one did.",
    )


class WaiverSerializer(serializers.ModelSerializer[Waiver]):
    """A failure that was accepted, on which terms and until when."""

    ticket = serializers.CharField(source="ticket.key")
    instrument = serializers.CharField(source="instrument_id")
    scope = serializers.CharField(help_text="What it covers, in words.")
    owner = serializers.CharField(source="owner.username")
    written_by = serializers.CharField(source="written_by.username")
    withdrawn_by = serializers.CharField(source="withdrawn_by.username", default="")

    class Meta:
        model = Waiver
        fields = (
            "id",
            "ticket",
            "instrument",
            "scope",
            "part",
            "part_sha256",
            "calib_type",
            "physical_filter",
            "level",
            "test",
            "kind",
            "raft",
            "detector",
            "amplifier",
            "exposure",
            "tests",
            "value",
            "holds_to",
            "limit",
            "unit",
            "margin",
            "reason",
            "effect",
            "owner",
            "expires_on",
            "written_by",
            "written_at",
            "withdrawn_by",
            "withdrawn_at",
            "withdrawn_why",
        )


class WaiverRequestSerializer(serializers.Serializer[Any]):
    """On what terms one failure is accepted."""

    failure = serializers.CharField(help_text="Key of a failure of the report.")
    reason = serializers.CharField()
    effect = serializers.CharField(help_text="What it does to images, and to which.")
    owner = serializers.SlugRelatedField(
        slug_field="username", queryset=User.objects.filter(is_active=True)
    )
    expires_on = serializers.DateField()
    holds_to = serializers.FloatField(
        required=False,
        default=None,
        allow_null=True,
        help_text="As bad as the value may get on another candidate; by default its "
        "scatter over the exposures more than it is, or 5 %.",
    )
    report_sha256 = serializers.CharField(
        required=False, default="", source="seen", help_text=_SEEN
    )


class TaskSerializer(serializers.ModelSerializer[ProcessingTask]):
    """Processing that a member asked for."""

    asked_by = serializers.CharField(source="asked_by.username")
    ended_by = serializers.CharField(source="ended_by.username", default="")
    status = serializers.CharField()
    construction = serializers.CharField(source="construction.key")

    class Meta:
        model = ProcessingTask
        fields = (
            "id",
            "construction",
            "text",
            "status",
            "asked_by",
            "asked_at",
            "ended_by",
            "ended_at",
            "note",
        )


class TaskNoteSerializer(serializers.Serializer[Any]):
    """What was done for a task."""

    note = serializers.CharField()


class MessageSerializer(serializers.ModelSerializer[Message]):
    """What somebody said; a later message may supersede it."""

    author = serializers.CharField(source="author.username")
    superseded_by = serializers.IntegerField(
        source="superseded_by.pk", allow_null=True, default=None
    )

    class Meta:
        model = Message
        fields = (
            "id",
            "author",
            "text",
            "written_at",
            "supersedes",
            "superseded_by",
        )


class ThreadSerializer(serializers.ModelSerializer[Thread]):
    """A conversation about one thing."""

    kind = serializers.CharField()
    title = serializers.CharField()
    messages = MessageSerializer(many=True)

    class Meta:
        model = Thread
        fields = (
            "id",
            "kind",
            "title",
            "part",
            "level",
            "test",
            "detector",
            "amplifier",
            "exposure",
            "image",
            "x",
            "y",
            "messages",
        )


class MessageRequestSerializer(serializers.Serializer[Any]):
    """Something to say, and what about; the same thing is one thread."""

    text = serializers.CharField()
    kind = serializers.ChoiceField(
        choices=[kind.value for kind in ThreadKind], default=ThreadKind.TICKET.value
    )
    part = serializers.CharField(required=False, allow_blank=True)
    level = serializers.CharField(required=False, allow_blank=True, max_length=8)
    test = serializers.CharField(required=False, allow_blank=True, max_length=64)
    detector = serializers.IntegerField(required=False)
    amplifier = serializers.CharField(required=False, allow_blank=True, max_length=16)
    exposure = serializers.IntegerField(required=False)
    image = serializers.CharField(required=False, allow_blank=True, max_length=64)
    x = serializers.FloatField(required=False)
    y = serializers.FloatField(required=False)


class TextSerializer(serializers.Serializer[Any]):
    """Something to say in a thread, or instead of what was said."""

    text = serializers.CharField()
