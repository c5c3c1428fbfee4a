"""Deployments and the tracking table over REST."""

import difflib
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.generics import ListAPIView
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from distribution import tasks
from distribution.api.serializers import (
    DeploymentSerializer,
    FilingSerializer,
    ReasonSerializer,
    RepositoryReasonSerializer,
    RepositorySerializer,
    StepChoiceSerializer,
    TrackingRowSerializer,
)
from distribution.domain import DeploymentStage
from distribution.models import DeploymentTarget, DeploymentTicket
from distribution.services import deployments, tracking
from taxicab.board.models import TaxicabStage, TaxicabTicket
from taxicab.errors import NotFoundError

__all__ = ["DeploymentViewSet", "TrackingView"]

NEAREST = 3  # keys that an unknown one's answer names

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    location=OpenApiParameter.HEADER,
    description="ETags known already; one that still holds is answered with 304.",
)


class DeploymentFilter(filters.FilterSet):
    """By stage and by camera."""

    stage = filters.ChoiceFilter(choices=[(s.value, s.label) for s in DeploymentStage])
    instrument = filters.CharFilter(field_name="taxicab__construction__instrument_id")

    class Meta:
        model = DeploymentTicket
        fields = ("stage", "instrument")


class DeploymentViewSet(ListModelMixin, GenericViewSet[DeploymentTicket]):
    """Deployment tickets: their targets, the steps at each, and the verbs."""

    serializer_class = DeploymentSerializer
    filterset_class = DeploymentFilter
    lookup_field = "key"
    lookup_value_regex = "[^/]+"
    queryset = DeploymentTicket.objects.none()

    def get_queryset(self) -> "QuerySet[DeploymentTicket]":
        """Deployments of cameras that the person may read about."""
        return DeploymentTicket.objects.readable_by(self.request.user).detailed()

    def get_object(self) -> DeploymentTicket:
        """Find a ticket by its key."""
        key = self.kwargs["key"]
        deployment = self.get_queryset().filter(key=key).first()
        if deployment is None:
            raise _unknown_deployment(key, self.get_queryset())
        return deployment

    @extend_schema(
        parameters=[IF_NONE_MATCH],
        responses={200: DeploymentSerializer, 304: OpenApiResponse(description="")},
    )
    def retrieve(self, request: Request, key: str) -> Response | HttpResponse:
        """Give one deployment; its ETag is its key and revision.

        An answer of 304 reads the revision alone. A revision is read before the
        targets, so that an ETag is never younger than what it stands for.
        """
        readable = DeploymentTicket.objects.readable_by(request.user).filter(key=key)
        revision = readable.values_list("revision", flat=True).first()
        if revision is None:
            raise _unknown_deployment(key, self.get_queryset())
        etag = f'"{key}-{revision}"'
        plain = cast(HttpRequest, request)  # it answers for the one it wraps
        response = get_conditional_response(plain, etag=etag)
        if response is None:
            data = self.get_serializer(self.get_object()).data
            etag = f'"{key}-{data["revision"]}"'  # it may have risen meanwhile
            response = Response(data)
        response["ETag"] = etag
        patch_cache_control(response, private=True, no_cache=True)
        return response

    @extend_schema(
        operation_id="deployments_file",
        request=FilingSerializer,
        responses={201: DeploymentSerializer},
    )
    def create(self, request: Request) -> Response:
        """File the deployment ticket of a hailed or adopted set."""
        given = self._read(FilingSerializer)
        deployment = deployments.file_deployment(
            _find_taxicab(given["taxicab"], self),
            key=given["key"],
            url=given["url"],
            by=request.user,
        )
        return self._answer(deployment, 201)

    @extend_schema(request=None, responses={202: DeploymentSerializer})
    @action(detail=True, methods=["post"])
    def start(self, request: Request, key: str) -> Response:
        """Begin at every repository that is not skipped; only after adoption."""
        deployment = deployments.start_deployment(
            self.get_object(), by=request.user, task=tasks.run_deployment_step
        )
        return self._answer(deployment, 202)

    @extend_schema(request=ReasonSerializer, responses=DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, key: str) -> Response:
        """Give up a ticket that was not started."""
        deployment = self.get_object()
        why = self._read(ReasonSerializer)["reason"]
        deployments.withdraw_deployment(deployment, by=request.user, why=why)
        return self._answer(deployment, 200)

    @extend_schema(request=RepositoryReasonSerializer, responses=DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, key: str) -> Response:
        """Leave a repository out, with a reason."""
        given = self._read(RepositoryReasonSerializer)
        deployment = self.get_object()
        target = _find_target(deployment, given["repository"])
        deployments.skip_target(target, reason=given["reason"], by=request.user)
        return self._answer(deployment, 200)

    @extend_schema(request=RepositorySerializer, responses={202: DeploymentSerializer})
    @action(detail=True, methods=["post"])
    def include(self, request: Request, key: str) -> Response:
        """Take a skipped repository in again."""
        given = self._read(RepositorySerializer)
        deployment = self.get_object()
        target = _find_target(deployment, given["repository"])
        deployments.include_target(
            target, by=request.user, task=tasks.run_deployment_step
        )
        return self._answer(deployment, 202)

    @extend_schema(request=StepChoiceSerializer, responses={202: DeploymentSerializer})
    @action(detail=True, methods=["post"], url_path="run-again")
    def run_again(self, request: Request, key: str) -> Response:
        """Run a step again, done or not; what follows goes on after it."""
        given = self._read(StepChoiceSerializer)
        deployment = self.get_object()
        target = _find_target(deployment, given["repository"])
        step = target.steps.filter(kind=given["step"]).first()
        if step is None:
            kinds = ", ".join(target.steps.values_list("kind", flat=True))
            raise NotFoundError(
                f"There is no step {given['step']} at {target.repository}; its steps "
                f"are {kinds}."
            )
        deployments.run_step_again(
            step, by=request.user, task=tasks.run_deployment_step
        )
        return self._answer(deployment, 202)

    @extend_schema(
        request=RepositoryReasonSerializer, responses={202: DeploymentSerializer}
    )
    @action(detail=True, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request, key: str) -> Response:
        """Take the set out of a repository's default chain, with a reason."""
        given = self._read(RepositoryReasonSerializer)
        deployment = self.get_object()
        deployments.roll_back(
            _find_target(deployment, given["repository"]),
            reason=given["reason"],
            by=request.user,
            task=tasks.put_back_target,
        )
        return self._answer(deployment, 202)

    def _read(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        given = serializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        return cast(dict[str, Any], given.validated_data)

    def _answer(self, deployment: DeploymentTicket, code: int) -> Response:
        fresh = DeploymentTicket.objects.detailed().get(pk=deployment.pk)
        return Response(self.get_serializer(fresh).data, status=code)


class TrackingFilter(filters.FilterSet):
    """By stage, camera, year and the state at some repository; in any order."""

    stage = filters.ChoiceFilter(choices=[(s.value, s.label) for s in TaxicabStage])
    instrument = filters.CharFilter(field_name="construction__instrument_id")
    year = filters.NumberFilter(field_name="hailed_at", lookup_expr="year")
    state = filters.ChoiceFilter(
        choices=[(state, state) for state in tracking.STATES], method="filter_state"
    )
    sort = filters.ChoiceFilter(
        choices=[(s + name, s + name) for name in tracking.SORTS for s in ("", "-")],
        method="filter_sort",
    )

    class Meta:
        model = TaxicabTicket
        fields = ("stage", "instrument", "year", "state", "sort")

    def filter_state(
        self, rows: "QuerySet[TaxicabTicket]", name: str, value: str
    ) -> "QuerySet[TaxicabTicket]":
        """Leave the tickets that have a state at some repository."""
        return tracking.in_state(rows, value)

    def filter_sort(
        self, rows: "QuerySet[TaxicabTicket]", name: str, value: str
    ) -> "QuerySet[TaxicabTicket]":
        """Sort by one field; a minus turns the order round."""
        return tracking.sort_tickets(rows, value)


class TrackingView(ListAPIView[TaxicabTicket]):
    """Every TAXICAB ticket, its two others, and its state at every repository."""

    serializer_class = TrackingRowSerializer
    filterset_class = TrackingFilter
    queryset = TaxicabTicket.objects.none()

    def get_queryset(self) -> "QuerySet[TaxicabTicket]":
        """Tickets of cameras that the person may read about."""
        return tracking.tracked_tickets(self.request.user)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one page of the table, building its rows alone."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        rows = self.get_serializer(tracking.build_rows(page or []), many=True)
        return self.get_paginated_response(rows.data)


def _unknown_deployment(
    key: str, readable: "QuerySet[DeploymentTicket]"
) -> NotFoundError:
    keys = list(readable.order_by("key").values_list("key", flat=True))
    nearest = difflib.get_close_matches(key, keys, n=NEAREST, cutoff=0.0)
    known = f"The nearest are {', '.join(nearest)}." if nearest else "There is none."
    return NotFoundError(
        f"There is no deployment ticket {key}. {known}", nearest=nearest
    )


def _find_taxicab(key: str, view: DeploymentViewSet) -> TaxicabTicket:
    readable = tracking.tracked_tickets(view.request.user)
    ticket = readable.filter(number=int(key.removeprefix("TAXICAB-"))).first()
    if ticket is None:
        raise NotFoundError(f"There is no ticket {key}.")
    return ticket


def _find_target(deployment: DeploymentTicket, slug: str) -> DeploymentTarget:
    targets = {target.repository.slug: target for target in deployment.targets.all()}
    if slug not in targets:
        raise NotFoundError(
            f"{deployment.key} has no repository {slug!r}; it has "
            f"{', '.join(sorted(targets)) or 'none'}."
        )
    return targets[slug]
