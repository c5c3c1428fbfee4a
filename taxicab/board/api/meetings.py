"""Meetings and decision records over REST."""

from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from taxicab.board.models import Meeting, MeetingStatus
from taxicab.board.services import meetings as service
from taxicab.board.services.hailing import find_ticket, readable_tickets
from taxicab.board.services.minutes import readable_minutes
from taxicab.board.services.records import document_of, find_record

__all__ = ["MeetingViewSet", "RecordView"]


class MeetingSerializer(serializers.ModelSerializer[Meeting]):
    """A week's meeting; its minutes as the person may read them."""

    when = serializers.CharField(help_text="On the clocks of the zone.")
    status = serializers.ChoiceField(
        choices=[(s.value, s.label) for s in MeetingStatus]
    )
    closed_by = serializers.CharField(source="closed_by.username", default="")
    minutes = serializers.SerializerMethodField(
        help_text="Agenda, attendance, remarks; frozen once the meeting is over."
    )

    class Meta:
        model = Meeting
        fields: ClassVar = [
            "day",
            "starts_at",
            "ends_at",
            "zone",
            "when",
            "status",
            "reason",
            "closed_by",
            "closed_at",
            "minutes",
        ]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_minutes(self, meeting: Meeting) -> dict[str, Any]:
        """Give the minutes, of the tickets of the person's cameras."""
        return readable_minutes(meeting, self.context["request"].user)


class UpcomingSerializer(serializers.Serializer[Any]):
    """The next meeting as it stands."""

    starts_at = serializers.DateTimeField()
    when = serializers.CharField()
    is_skipped = serializers.BooleanField(
        help_text="As things stand: no hailing ticket is open."
    )
    tickets = serializers.ListField(child=serializers.CharField())


class RemarkSerializer(serializers.Serializer[Any]):
    """What somebody says at a meeting."""

    text = serializers.CharField()
    ticket = serializers.CharField(required=False, default="", allow_blank=True)


class MeetingFilter(filters.FilterSet):
    """By status."""

    status = filters.ChoiceFilter(choices=[(s.value, s.label) for s in MeetingStatus])

    class Meta:
        model = Meeting
        fields = ("status",)


class MeetingViewSet(ReadOnlyModelViewSet[Meeting]):
    """The board's meetings, newest first."""

    serializer_class = MeetingSerializer
    filterset_class = MeetingFilter
    lookup_url_kwarg = "day"
    lookup_value_regex = "[^/]+"
    queryset: "QuerySet[Meeting]" = Meeting.objects.select_related("closed_by")

    def get_object(self) -> Meeting:
        """Find a meeting by its day."""
        return service.find_meeting(self.kwargs["day"])

    @extend_schema(responses=UpcomingSerializer)
    @action(detail=False)
    def upcoming(self, request: Request) -> Response:
        """Say when the board meets next, and for which tickets."""
        found = service.upcoming(request.user)
        keys = [ticket.key for ticket in found.tickets]
        answer = UpcomingSerializer(
            {
                "starts_at": found.starts_at,
                "when": found.when,
                "is_skipped": found.is_skipped,
                "tickets": keys,
            }
        )
        return Response(answer.data)

    @extend_schema(request=None, responses=MeetingSerializer)
    @action(detail=False, methods=["post"])
    def schedule(self, request: Request) -> Response:
        """Schedule the next meeting now, and flag the open tickets for it."""
        made = service.schedule_by_hand(by=cast(User, request.user))
        return Response(self.get_serializer(made).data)

    @extend_schema(request=None, responses=MeetingSerializer)
    @action(detail=True, methods=["post"])
    def attend(self, request: Request, day: str) -> Response:
        """Say that one is there."""
        service.attend(self.get_object(), by=cast(User, request.user))
        return self._answer()

    @extend_schema(request=RemarkSerializer, responses=MeetingSerializer)
    @action(detail=True, methods=["post"])
    def remarks(self, request: Request, day: str) -> Response:
        """Say something, for the minutes."""
        given = RemarkSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        key = given.validated_data["ticket"]
        ticket = find_ticket(key, readable_tickets(request.user)) if key else None
        text = given.validated_data["text"]
        who = cast(User, request.user)
        service.remark(self.get_object(), by=who, text=text, ticket=ticket)
        return self._answer()

    @extend_schema(request=None, responses=MeetingSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, day: str) -> Response:
        """Close a meeting: its minutes are frozen."""
        service.close_meeting(self.get_object(), by=cast(User, request.user))
        return self._answer()

    def _answer(self) -> Response:
        return Response(self.get_serializer(self.get_object()).data)


class RecordView(APIView):
    """A decision record: content, SHA-256 and Ed25519 signature."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, key: str) -> Response:
        """Give the record of a decided ticket, as it was frozen."""
        ticket = find_ticket(key, readable_tickets(request.user))
        return Response(document_of(find_record(ticket)))
