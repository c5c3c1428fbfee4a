"""TAXICAB tickets over REST: consensus in words, and the board's verbs."""

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet

from calibrations.models import ConstructionTicket
from reports.models import VerificationReport
from reports.services.reports import readable_reports
from taxicab.board import services
from taxicab.board.api.deciding import DecidingMixin
from taxicab.board.api.serializers import (
    AdoptionSerializer,
    DecisionReasonSerializer,
    HailSerializer,
    PositionRequestSerializer,
    ReplacementSerializer,
    TaxicabDetailSerializer,
    TaxicabSerializer,
)
from taxicab.board.models import TaxicabStage, TaxicabTicket, TaxicabTicketQuerySet
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError

__all__ = ["TaxicabViewSet"]


class TaxicabFilter(filters.FilterSet):
    """By stage and by camera."""

    stage = filters.ChoiceFilter(choices=[(s.value, s.label) for s in TaxicabStage])
    instrument = filters.CharFilter(field_name="construction__instrument_id")

    class Meta:
        model = TaxicabTicket
        fields = ("stage", "instrument")


class TaxicabViewSet(DecidingMixin, ReadOnlyModelViewSet[TaxicabTicket]):
    """TAXICAB tickets: what the board holds of a set, and the verbs."""

    serializer_class = TaxicabSerializer
    filterset_class = TaxicabFilter
    lookup_field = "key"
    lookup_value_regex = "[^/]+"
    queryset = TaxicabTicket.objects.none()

    def get_queryset(self) -> TaxicabTicketQuerySet:
        """Tickets of cameras that the person may read about."""
        return services.readable_tickets(self.request.user).detailed()

    def get_object(self) -> TaxicabTicket:
        """Find a ticket by its key, or name the nearest ones."""
        return services.find_ticket(self.kwargs["key"], self.get_queryset())

    def get_serializer_class(self) -> type[BaseSerializer[TaxicabTicket]]:
        """Give positions and consensus with one ticket alone."""
        return TaxicabSerializer if self.action == "list" else TaxicabDetailSerializer

    @extend_schema(
        operation_id="taxicab_hail",
        request=HailSerializer,
        responses={201: TaxicabDetailSerializer},
    )
    def create(self, request: Request) -> Response:
        """Hail the TAXICAB: put a set before the board."""
        given = self._given(HailSerializer)
        ticket = services.hail(
            self._construction(given["construction"]),
            report=self._report(given["report"]),
            summary=given["summary"],
            by=self._who,
        )
        return self._answer(ticket, 201)

    @extend_schema(request=PositionRequestSerializer, responses=TaxicabDetailSerializer)
    @action(detail=True, methods=["post"])
    def positions(self, request: Request, key: str) -> Response:
        """Take a position, or change the one that was taken."""
        ticket = self.get_object()
        given = self._given(PositionRequestSerializer)
        services.take_position(ticket, by=self._who, **given)
        return self._answer(ticket)

    @extend_schema(request=ReplacementSerializer, responses=TaxicabDetailSerializer)
    @action(detail=True, methods=["post"])
    def report(self, request: Request, key: str) -> Response:
        """Put a newer report before the board."""
        ticket = self.get_object()
        report = self._report(self._given(ReplacementSerializer)["report"])
        services.replace_report(ticket, report=report, by=self._who)
        return self._answer(ticket)

    @extend_schema(request=AdoptionSerializer, responses=TaxicabDetailSerializer)
    @action(detail=True, methods=["post"])
    def adopt(self, request: Request, key: str) -> Response:
        """Adopt a set on which the board agrees."""
        ticket = self.get_object()
        services.adopt(ticket, by=self._who, **self._given(AdoptionSerializer))
        return self._answer(ticket)

    @extend_schema(request=DecisionReasonSerializer, responses=TaxicabDetailSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, key: str) -> Response:
        """Reject a set: it goes back for another iteration."""
        ticket = self.get_object()
        services.reject(ticket, by=self._who, **self._given(DecisionReasonSerializer))
        return self._answer(ticket)

    @extend_schema(request=DecisionReasonSerializer, responses=TaxicabDetailSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, key: str) -> Response:
        """Take a set back before it is decided."""
        ticket = self.get_object()
        services.withdraw(ticket, by=self._who, **self._given(DecisionReasonSerializer))
        return self._answer(ticket)

    def _construction(self, key: str) -> ConstructionTicket:
        readable = readable_instruments(self.request.user)
        found = ConstructionTicket.objects.filter(instrument__in=readable, key=key)
        if ticket := found.first():
            return ticket
        raise NotFoundError(f"There is no construction ticket {key!r}.", key=key)

    def _report(self, pk: int) -> VerificationReport:
        if report := readable_reports(self.request.user).filter(pk=pk).first():
            return report
        raise NotFoundError(f"There is no report {pk}.", report=pk)

    def _answer(self, ticket: TaxicabTicket, code: int = 200) -> Response:
        fresh = TaxicabTicket.objects.detailed().get(pk=ticket.pk)
        return Response(self.get_serializer(fresh).data, status=code)
