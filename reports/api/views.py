"""Verification reports over REST: their tables, and their files."""

import mimetypes
from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet

from calibrations.models import ConstructionTicket
from reports import tasks
from reports.api.consequence import ConsequenceMixin
from reports.api.images import ImagesMixin
from reports.api.serializers import (
    ReportDetailSerializer,
    ReportRequestSerializer,
    ReportSerializer,
)
from reports.models import ReportStatus, VerificationReport
from reports.services.evidence import evidence_file
from reports.services.reports import readable_reports, request_report
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError

__all__ = ["ReportViewSet"]


class ReportFilter(filters.FilterSet):
    """By ticket, camera and status."""

    ticket = filters.CharFilter(field_name="ticket__key")
    instrument = filters.CharFilter(field_name="ticket__instrument_id")
    status = filters.ChoiceFilter(choices=[(s.value, s.label) for s in ReportStatus])

    class Meta:
        model = VerificationReport
        fields = ("ticket", "instrument", "status")


class ReportViewSet(
    ImagesMixin, ConsequenceMixin, ReadOnlyModelViewSet[VerificationReport]
):
    """Verification reports: tables, files, images, and asking for a new one."""

    serializer_class = ReportSerializer
    filterset_class = ReportFilter
    lookup_value_regex = "[0-9]+"
    queryset = VerificationReport.objects.none()

    def get_queryset(self) -> "QuerySet[VerificationReport]":
        """Find reports of cameras that the person may read about."""
        return readable_reports(self.request.user).select_related(
            "ticket", "created_by"
        )

    def get_serializer_class(self) -> type[BaseSerializer[VerificationReport]]:
        """Give the tables with one report alone."""
        if self.action == "retrieve":
            return ReportDetailSerializer
        return ReportSerializer

    @extend_schema(
        operation_id="reports_request",
        request=ReportRequestSerializer,
        responses={202: ReportSerializer},
    )
    def create(self, request: Request) -> Response:
        """Ask for a report; a worker of the build repository makes it."""
        given = ReportRequestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        report = request_report(
            _find_construction(given.validated_data["ticket"], request),
            verifications=given.validated_data["verifications"],
            generations=given.validated_data["generations"],
            by=cast(User, request.user),
            task=tasks.build_report,
        )
        return Response(self.get_serializer(report).data, status=202)

    @extend_schema(
        operation_id="reports_file",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def read_file(self, request: Request, pk: int, name: str) -> FileResponse:
        """Give one file of the report; ``manifest.json`` lists them all."""
        path = evidence_file(self.get_object(), name)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return FileResponse(path.open("rb"), content_type=kind)


def _find_construction(key: str, request: Any) -> ConstructionTicket:
    readable = readable_instruments(request.user)
    ticket = ConstructionTicket.objects.filter(instrument__in=readable, key=key).first()
    if ticket is None:
        raise NotFoundError(f"There is no construction ticket {key!r}.", key=key)
    return ticket
