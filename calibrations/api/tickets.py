"""Construction tickets over REST: the record, the checklist, the verbs."""

import difflib

from django.db.models import QuerySet
from django.http import HttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from calibrations import tasks
from calibrations.api.plans import ConsequenceSerializer, PlanSerializer
from calibrations.api.serializers import (
    ChecklistLineSerializer,
    CodeChangesSerializer,
    CommandsSerializer,
    OpeningSerializer,
    SelectionRequestSerializer,
    SelectionSerializer,
    TicketSerializer,
    WhySerializer,
    read,
)
from calibrations.models import ConstructionStage, ConstructionTicket
from calibrations.services import construction, record
from calibrations.services.checklist import checklist
from calibrations.services.consequences import ticket_consequences
from calibrations.services.graphs import graph_view
from calibrations.services.selections import request_selection
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError

__all__ = ["TicketViewSet"]

NEAREST = 3  # keys that an unknown one's answer names

RECORD_FORM = OpenApiParameter(
    "form", location=OpenApiParameter.PATH, enum=["json", "md"]
)


class TicketFilter(filters.FilterSet):
    """By stage, camera and owner."""

    stage = filters.ChoiceFilter(
        choices=[(s.value, s.label) for s in ConstructionStage]
    )
    instrument = filters.CharFilter(field_name="instrument_id")
    owner = filters.CharFilter(field_name="owner__username")

    class Meta:
        model = ConstructionTicket
        fields = ("stage", "instrument", "owner")


class TicketViewSet(ReadOnlyModelViewSet[ConstructionTicket]):
    """Construction tickets: their record, checklist, commands, and the verbs."""

    serializer_class = TicketSerializer
    filterset_class = TicketFilter
    lookup_field = "key"
    lookup_value_regex = "[^/]+"
    queryset = ConstructionTicket.objects.none()

    def get_queryset(self) -> "QuerySet[ConstructionTicket]":
        """Tickets of cameras that the person may read about."""
        return ConstructionTicket.objects.filter(
            instrument__in=readable_instruments(self.request.user)
        ).select_related("repository__facility", "owner", "code_reviewer")

    def get_object(self) -> ConstructionTicket:
        """Find a ticket by its key, or name the nearest ones."""
        key = self.kwargs["key"]
        ticket = self.get_queryset().filter(key=key).first()
        if ticket is not None:
            return ticket
        keys = list(self.get_queryset().values_list("key", flat=True))
        nearest = difflib.get_close_matches(key, keys, n=NEAREST, cutoff=0.0)
        known = (
            f"The nearest are {', '.join(nearest)}." if nearest else "There is none."
        )
        raise NotFoundError(
            f"There is no construction ticket {key}. {known}", nearest=nearest
        )

    @extend_schema(
        operation_id="construction_tickets_open",
        request=OpeningSerializer,
        responses={201: TicketSerializer},
    )
    def create(self, request: Request) -> Response:
        """Open a ticket; its owner is who asks."""
        given = read(OpeningSerializer, request)
        ticket = construction.open_ticket(owner=request.user, **given)
        return Response(self.get_serializer(ticket).data, status=201)

    @extend_schema(request=CodeChangesSerializer, responses=TicketSerializer)
    @action(detail=True, methods=["post"], url_path="code-changes")
    def code_changes(self, request: Request, key: str) -> Response:
        """Say that code was changed, where its review is and who reviews it."""
        ticket = self.get_object()
        given = read(CodeChangesSerializer, request)
        construction.declare_code_changes(ticket, by=request.user, **given)
        return Response(self.get_serializer(ticket).data)

    @extend_schema(request=None, responses=TicketSerializer)
    @action(detail=True, methods=["post"], url_path="code-review")
    def code_review(self, request: Request, key: str) -> Response:
        """Record that the named reviewer finds the changed code right."""
        ticket = construction.record_code_review(self.get_object(), by=request.user)
        return Response(self.get_serializer(ticket).data)

    @extend_schema(request=WhySerializer, responses=TicketSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, key: str) -> Response:
        """Give the set up."""
        ticket = self.get_object()
        why = read(WhySerializer, request)["reason"]
        construction.withdraw(ticket, by=request.user, why=why)
        return Response(self.get_serializer(ticket).data)

    @extend_schema(
        request=SelectionRequestSerializer, responses={202: SelectionSerializer}
    )
    @action(detail=True, methods=["post"])
    def select(self, request: Request, key: str) -> Response:
        """Look exposures up, to be seen before anything runs."""
        given = read(SelectionRequestSerializer, request)
        selection = request_selection(
            self.get_object(), by=request.user, task=tasks.preview_selection, **given
        )
        return Response(SelectionSerializer(selection).data, status=202)

    @extend_schema(responses=ChecklistLineSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def checklist(self, request: Request, key: str) -> Response:
        """Give the checklist of DMTN-222 §3.7, ticked by what happened."""
        lines = checklist(self.get_object())
        return Response(ChecklistLineSerializer(lines, many=True).data)

    @extend_schema(responses=PlanSerializer)
    @action(detail=True)
    def plan(self, request: Request, key: str) -> Response:
        """Give the order of construction, where each type stands, and what is next."""
        return Response(PlanSerializer(graph_view(self.get_object())).data)

    @extend_schema(responses=ConsequenceSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def consequences(self, request: Request, key: str) -> Response:
        """List what rests on an older calibration than there is now."""
        found = ticket_consequences(self.get_object())
        return Response(ConsequenceSerializer(found, many=True).data)

    @extend_schema(responses=CommandsSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def commands(self, request: Request, key: str) -> Response:
        """Give the equivalent command lines of the ticket's jobs, in order."""
        found = record.commands_in_order(self.get_object())
        return Response(CommandsSerializer(found, many=True).data)

    @extend_schema(
        parameters=[RECORD_FORM],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/markdown"): OpenApiResponse(OpenApiTypes.STR),
        },
    )
    @action(detail=True, url_path=r"record\.(?P<form>json|md)")
    def record(self, request: Request, key: str, form: str) -> HttpResponse:
        """Download the construction record."""
        ticket = self.get_object()
        found = record.construction_record(ticket)
        render, kind = {
            "json": (record.render_json, "application/json"),
            "md": (record.render_markdown, "text/markdown; charset=utf-8"),
        }[form]
        response = HttpResponse(render(found), content_type=kind)
        name = f"{ticket.key}-record.{form}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
