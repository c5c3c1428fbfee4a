"""Consequences of adopting a report's set, over REST."""

from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from calibrations.domain.timelines import Change
from reports import tasks
from reports.models import ReportConsequence, VerificationReport
from reports.services.consequence import (
    Found,
    lanes_of,
    look_up,
    request_consequence,
)
from taxicab.core.api.serializers import JobSerializer
from taxicab.errors import InputError, NotFoundError

__all__ = ["ConsequenceMixin"]


class OutcomeSerializer(serializers.Serializer[Any]):
    """What some detectors get of a type in a stretch of time."""

    now = serializers.CharField(help_text="Collection; empty: nothing is found.")
    then = serializers.CharField(help_text="Likewise, with the set before all others.")
    change = serializers.ChoiceField(choices=[(c.value, c.value) for c in Change])
    detectors = serializers.ListField(
        child=serializers.IntegerField(), help_text="-1: the whole camera."
    )


class StretchSerializer(serializers.Serializer[Any]):
    """A time over which every detector gets the same."""

    begin = serializers.CharField(allow_null=True, help_text="TAI; null: open.")
    end = serializers.CharField(allow_null=True, help_text="TAI, not included.")
    outcomes = OutcomeSerializer(many=True)
    shadowed = serializers.ListField(
        child=serializers.CharField(),
        help_text="Collections that one before them in the chain hides.",
    )


class LaneSerializer(serializers.Serializer[Any]):
    """The timeline of a type, in one filter."""

    type = serializers.CharField()
    filter = serializers.CharField(help_text="Empty where the type has none.")
    stretches = StretchSerializer(many=True)


class NightSerializer(serializers.Serializer[Any]):
    """Exposures that would be processed with something else."""

    day_obs = serializers.IntegerField()
    filter = serializers.CharField()
    n = serializers.IntegerField()
    types = serializers.ListField(child=serializers.CharField())


class ReportConsequenceSerializer(serializers.Serializer[Any]):
    """What adopting a set changes, as the repository was when it was read."""

    chain = serializers.CharField(help_text="The chain that exposures are given.")
    read_at = serializers.DateTimeField()
    lanes = LaneSerializer(many=True)
    nights = NightSerializer(many=True)


class CertifiedSerializer(serializers.Serializer[Any]):
    """A calibration as it is certified."""

    collection = serializers.CharField()
    run = serializers.CharField()
    begin = serializers.CharField(allow_null=True)
    end = serializers.CharField(allow_null=True)


class FoundSerializer(serializers.Serializer[Found]):
    """What one type gives at an instant, now and then."""

    type = serializers.CharField()
    filter = serializers.CharField()
    is_changed = serializers.BooleanField()
    now = CertifiedSerializer(allow_null=True)
    then = CertifiedSerializer(allow_null=True)


class LookUpSerializer(serializers.Serializer[Any]):
    """What an exposure or a date gets now, and would get."""

    instant = serializers.CharField(help_text="TAI.")
    calibrations = FoundSerializer(many=True)


class ConsequenceMixin(GenericViewSet[VerificationReport]):
    """Timelines and look-ups; for the reports' viewset."""

    @extend_schema(
        methods=["get"],
        operation_id="reports_consequence",
        responses=ReportConsequenceSerializer,
    )
    @extend_schema(
        methods=["post"],
        operation_id="reports_consequence_read",
        request=None,
        responses={202: JobSerializer},
    )
    @action(detail=True, methods=["get", "post"])
    def consequence(self, request: Request, pk: str) -> Response:
        """Give the timelines as they are and would be; post to have them read anew."""
        report = self.get_object()
        if request.method == "POST":
            by = cast(User, request.user)
            job = request_consequence(report, by=by, task=tasks.read_consequence)
            return Response(JobSerializer(job).data, status=202)
        known = _known(report)
        answer = {
            "chain": known.chain,
            "read_at": known.read_at,
            "lanes": lanes_of(known),
            "nights": known.nights,
        }
        return Response(ReportConsequenceSerializer(answer).data)

    @extend_schema(
        operation_id="reports_consequence_look_up",
        responses=LookUpSerializer,
        parameters=[
            OpenApiParameter(
                "at",
                str,
                required=True,
                description="An exposure's number, or a date in TAI.",
            ),
            OpenApiParameter("detector", int, description="Its id; 0 by default."),
        ],
    )
    @action(detail=True, methods=["get"], url_path="consequence/look-up")
    def look_up_calibrations(self, request: Request, pk: str) -> Response:
        """Give what an exposure or a date gets now, and would get."""
        known = _known(self.get_object())
        detector = request.query_params.get("detector") or "0"
        if not detector.isdecimal() or len(detector) > 5:
            raise InputError(f"A detector is a number, which {detector!r} is not.")
        asked = request.query_params.get("at", "")
        instant, found = look_up(known, asked, int(detector))
        answer = {"instant": instant, "calibrations": found}
        return Response(LookUpSerializer(answer).data)


def _known(report: VerificationReport) -> ReportConsequence:
    known = ReportConsequence.objects.filter(report=report).first()
    if known is None:
        raise NotFoundError(
            f"The repository was not read for {report} yet: post to this address."
        )
    return known
