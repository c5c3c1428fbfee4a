"""The steps of construction over REST: selections to certifications."""

from django.db.models import Count, Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from calibrations import tasks
from calibrations.api.plans import ConsequenceSerializer, SuggestionSerializer
from calibrations.api.serializers import (
    CertificationRequestSerializer,
    CertificationSerializer,
    GenerationRequestSerializer,
    GenerationSerializer,
    JobSerializer,
    MetricResultSerializer,
    SelectionSerializer,
    VerificationRequestSerializer,
    VerificationSerializer,
    WhySerializer,
    read,
)
from calibrations.models import (
    Certification,
    Generation,
    MetricResult,
    Selection,
    SelectionPurpose,
    SelectionStatus,
    StepStatus,
    Verification,
)
from calibrations.services.certification import request_certification
from calibrations.services.consequences import consequences_of
from calibrations.services.generation import request_generation
from calibrations.services.removal import request_removal
from calibrations.services.retraction import request_retraction
from calibrations.services.selections import override_problems
from calibrations.services.validity import suggest_validity
from calibrations.services.verification import request_verification
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError

__all__ = [
    "CertificationViewSet",
    "GenerationViewSet",
    "ResultsView",
    "SelectionViewSet",
    "VerificationViewSet",
]


class SelectionFilter(filters.FilterSet):
    """By ticket, type, purpose and status."""

    ticket = filters.CharFilter(field_name="ticket__key")
    calib_type = filters.CharFilter()
    purpose = filters.ChoiceFilter(
        choices=[(p.value, p.label) for p in SelectionPurpose]
    )
    status = filters.ChoiceFilter(choices=[(s.value, s.label) for s in SelectionStatus])

    class Meta:
        model = Selection
        fields = ("ticket", "calib_type", "purpose", "status")


class SelectionViewSet(ReadOnlyModelViewSet[Selection]):
    """Exposures chosen for a step, and what can be done with them."""

    serializer_class = SelectionSerializer
    filterset_class = SelectionFilter
    queryset = Selection.objects.none()

    def get_queryset(self) -> "QuerySet[Selection]":
        """Find selections of cameras that the person may read about."""
        return Selection.objects.filter(
            ticket__instrument__in=readable_instruments(self.request.user)
        ).select_related(
            "ticket__instrument",
            "ticket__repository__facility",
            "override_by",
            "created_by",
        )

    @extend_schema(request=WhySerializer, responses=SelectionSerializer)
    @action(detail=True, methods=["post"])
    def override(self, request: Request, pk: str) -> Response:
        """Answer for exposures that do not fit their type."""
        reason = read(WhySerializer, request)["reason"]
        selection = override_problems(self.get_object(), reason=reason, by=request.user)
        return Response(self.get_serializer(selection).data)

    @extend_schema(
        request=GenerationRequestSerializer, responses={202: GenerationSerializer}
    )
    @action(detail=True, methods=["post"])
    def generate(self, request: Request, pk: str) -> Response:
        """Generate from it: the same attempt continues, another takes the next letter.

        Generations have their own address; this answers with the one that was queued.
        """
        selection = self.get_object()
        generation = request_generation(
            selection.ticket,
            selection=selection,
            by=request.user,
            task=tasks.generate_calibration,
            **read(GenerationRequestSerializer, request),
        )
        return Response(GenerationSerializer(generation).data, status=202)


class GenerationFilter(filters.FilterSet):
    """By ticket, type, iteration and status."""

    ticket = filters.CharFilter(field_name="ticket__key")
    status = filters.ChoiceFilter(choices=[(s.value, s.label) for s in StepStatus])

    class Meta:
        model = Generation
        fields = ("ticket", "calib_type", "iteration", "status")


class GenerationViewSet(ReadOnlyModelViewSet[Generation]):
    """Attempts at calibrations, and what can be done with them."""

    serializer_class = GenerationSerializer
    filterset_class = GenerationFilter
    queryset = Generation.objects.none()

    def get_queryset(self) -> "QuerySet[Generation]":
        """Find generations of cameras that the person may read about."""
        return Generation.objects.filter(
            ticket__instrument__in=readable_instruments(self.request.user)
        ).select_related(
            "ticket__instrument",
            "ticket__repository__facility",
            "selection",
            "created_by",
        )

    @extend_schema(
        request=VerificationRequestSerializer, responses={202: VerificationSerializer}
    )
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: str) -> Response:
        """Verify it on its own inputs and on other selections."""
        generation = self.get_object()
        wanted = read(VerificationRequestSerializer, request)["selections"]
        found = list(generation.ticket.selections.filter(pk__in=wanted))
        if unknown := sorted(set(wanted) - {one.pk for one in found}):
            raise NotFoundError(
                f"{generation.ticket} has no selection "
                f"{', '.join(str(one) for one in unknown)}."
            )
        verification = request_verification(
            generation,
            selections=found,
            by=request.user,
            task=tasks.verify_calibration,
        )
        fresh = _counted(Verification.objects.filter(pk=verification.pk)).get()
        return Response(VerificationSerializer(fresh).data, status=202)

    @extend_schema(
        request=CertificationRequestSerializer, responses={202: CertificationSerializer}
    )
    @action(detail=True, methods=["post"])
    def certify(self, request: Request, pk: str) -> Response:
        """Give it a validity range and put it first in the ticket's chain."""
        certification = request_certification(
            self.get_object(),
            by=request.user,
            task=tasks.certify_calibration,
            **read(CertificationRequestSerializer, request),
        )
        return Response(CertificationSerializer(certification).data, status=202)

    @extend_schema(responses=SuggestionSerializer)
    @action(detail=True)
    def validity(self, request: Request, pk: str) -> Response:
        """Suggest its validity range from its tests, with the exposure that ends it."""
        return Response(SuggestionSerializer(suggest_validity(self.get_object())).data)

    @extend_schema(responses=ConsequenceSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def consequences(self, request: Request, pk: str) -> Response:
        """List what would rest on an older one if it were certified now."""
        found = consequences_of(self.get_object())
        return Response(ConsequenceSerializer(found, many=True).data)

    @extend_schema(request=WhySerializer, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        """Remove its RUN; refused while a certified collection links to it."""
        why = read(WhySerializer, request)["reason"]
        job = request_removal(
            self.get_object(), by=request.user, why=why, task=tasks.remove_generation
        )
        return Response({"job": job.pk}, status=202)


class VerificationFilter(filters.FilterSet):
    """By ticket, generation and status."""

    ticket = filters.CharFilter(field_name="generation__ticket__key")
    status = filters.ChoiceFilter(choices=[(s.value, s.label) for s in StepStatus])

    class Meta:
        model = Verification
        fields = ("ticket", "generation", "status")


class MetricResultFilter(filters.FilterSet):
    """By where, what and verdict."""

    class Meta:
        model = MetricResult
        fields = (
            "exposure",
            "detector",
            "amplifier",
            "level",
            "test",
            "passed",
            "is_advisory",
        )


class VerificationViewSet(ReadOnlyModelViewSet[Verification]):
    """The tests of generations, and their results."""

    serializer_class = VerificationSerializer
    filterset_class = VerificationFilter
    queryset = Verification.objects.none()

    def get_queryset(self) -> "QuerySet[Verification]":
        """Find verifications of cameras that the person may read about."""
        readable = Verification.objects.filter(
            generation__ticket__instrument__in=readable_instruments(self.request.user)
        )
        return _counted(readable)


class ResultsView(ListAPIView[MetricResult]):
    """The results of a verification, page by page."""

    serializer_class = MetricResultSerializer
    filterset_class = MetricResultFilter
    queryset = MetricResult.objects.none()

    def get_queryset(self) -> "QuerySet[MetricResult]":
        """Find one result an exposure, detector, amplifier and test."""
        number = self.kwargs["pk"]
        readable = Verification.objects.filter(
            generation__ticket__instrument__in=readable_instruments(self.request.user)
        )
        if not readable.filter(pk=number).exists():
            raise NotFoundError(f"There is no verification {number}.")
        return MetricResult.objects.filter(verification=number).order_by("pk")


class CertificationFilter(filters.FilterSet):
    """By ticket, generation and status."""

    ticket = filters.CharFilter(field_name="ticket__key")
    status = filters.ChoiceFilter(choices=[(s.value, s.label) for s in StepStatus])

    class Meta:
        model = Certification
        fields = ("ticket", "generation", "status")


class CertificationViewSet(ReadOnlyModelViewSet[Certification]):
    """Validity ranges, and taking them back."""

    serializer_class = CertificationSerializer
    filterset_class = CertificationFilter
    queryset = Certification.objects.none()

    def get_queryset(self) -> "QuerySet[Certification]":
        """Find certifications of cameras that the person may read about."""
        return Certification.objects.filter(
            ticket__instrument__in=readable_instruments(self.request.user)
        ).select_related(
            "ticket__instrument",
            "ticket__repository__facility",
            "generation",
            "created_by",
        )

    @extend_schema(request=WhySerializer, responses={202: JobSerializer})
    @action(detail=True, methods=["post"])
    def retract(self, request: Request, pk: str) -> Response:
        """Take it out of the ticket's chain, with a reason."""
        why = read(WhySerializer, request)["reason"]
        job = request_retraction(
            self.get_object(),
            by=request.user,
            why=why,
            task=tasks.retract_certification,
        )
        return Response({"job": job.pk}, status=202)


def _counted(verifications: "QuerySet[Verification]") -> "QuerySet[Verification]":
    """Count results and failures in the database."""
    return (
        verifications.select_related("generation__ticket", "created_by")
        .prefetch_related("selections")
        .annotate(
            n_results=Count("results", distinct=True),
            n_failures=Count(
                "results",
                filter=Q(results__passed=False, results__is_advisory=False),
                distinct=True,
            ),
        )
    )
