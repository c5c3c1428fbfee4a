"""What REST says of the order of construction: plan, consequences, validity, choice."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from calibrations.api.serializers import read
from calibrations.domain.consequences import Consequence
from calibrations.domain.graph import GRAPHS, Graph, plan
from calibrations.services.graphs import GraphView
from calibrations.services.orders import camera_orders, choose_graph
from calibrations.services.overview import NodePart
from calibrations.services.repositories import build_repository
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError

__all__ = [
    "ConsequenceSerializer",
    "OrderViewSet",
    "PlanSerializer",
    "SuggestionSerializer",
]


class ConsequenceSerializer(serializers.Serializer[Consequence]):
    """A certified calibration that rests on an older one than there is now."""

    type = serializers.CharField(source="built.held.type")
    label = serializers.CharField(source="built.label")  # type: ignore[assignment]
    collection = serializers.CharField(source="built.collection")
    older = serializers.CharField(help_text="What it was made with; empty: unknown.")
    newer = serializers.CharField(source="newer.collection")
    through = serializers.CharField(
        source="through.collection",
        default="",
        help_text="To be rebuilt first; empty: it rests on the older one itself.",
    )
    sentence = serializers.CharField()


class PartSerializer(serializers.Serializer[NodePart]):
    """The latest attempt at a type, in one filter where it has filters."""

    label = serializers.CharField(  # type: ignore[assignment]
        source="generation.label"
    )
    physical_filter = serializers.CharField(source="generation.physical_filter")
    generation = serializers.IntegerField(source="generation.pk")
    collection = serializers.CharField(source="generation.collection")
    attempt = serializers.CharField(source="letter")
    iteration = serializers.IntegerField(source="generation.iteration")
    state = serializers.CharField()
    word = serializers.CharField()
    job = serializers.IntegerField(source="job.pk", default=None, allow_null=True)
    done = serializers.IntegerField(source="job.done", default=None, allow_null=True)
    planned = serializers.IntegerField(
        source="job.planned", default=None, allow_null=True
    )


class NodeSerializer(serializers.Serializer[Any]):
    """One type of the graph and where it stands."""

    type = serializers.CharField()
    state = serializers.CharField()
    word = serializers.CharField()
    needs = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField())
    can_be_built = serializers.BooleanField()
    is_certified = serializers.BooleanField()
    is_verified = serializers.BooleanField(
        source="specification.is_verified", help_text="Whether there are tests of it."
    )
    is_per_filter = serializers.BooleanField(source="specification.is_per_filter")
    minimum_inputs = serializers.IntegerField(source="specification.minimum_inputs")
    inputs = serializers.CharField(source="specification.inputs")
    parts = PartSerializer(many=True)


class PlanSerializer(serializers.Serializer[GraphView]):
    """What is built for a ticket, in which order, and where that stands."""

    graph = serializers.CharField(source="graph.name")
    title = serializers.CharField(source="graph.title")
    levels = serializers.SerializerMethodField(
        help_text="Types in order; those of a level can be built side by side."
    )
    build_next = serializers.SerializerMethodField(
        help_text="Types that nothing keeps from being begun."
    )
    nodes = NodeSerializer(many=True)
    consequences = ConsequenceSerializer(many=True)

    def get_levels(self, view: GraphView) -> list[list[str]]:
        """Name the types of each level."""
        return [[node.type for node in level] for level in view.levels]

    def get_build_next(self, view: GraphView) -> list[str]:
        """Name what can be built now."""
        return [node.type for node in view.build_next]


class SpanSerializer(serializers.Serializer[Any]):
    """The dates over which one test stays inside its limit, half-open, TAI."""

    test = serializers.CharField()
    begin_tai = serializers.CharField(allow_null=True)
    end_tai = serializers.CharField(allow_null=True)
    ended_by = serializers.IntegerField(allow_null=True)
    begun_after = serializers.IntegerField(allow_null=True)
    first_tai = serializers.CharField()
    last_tai = serializers.CharField()
    n_exposures = serializers.IntegerField()
    n_left_out = serializers.IntegerField()


class SuggestionSerializer(serializers.Serializer[Any]):
    """The validity range that the tests suggest."""

    begin_tai = serializers.CharField()
    end_tai = serializers.CharField(help_text="Empty: open.")
    sentence = serializers.CharField()
    common = SpanSerializer(allow_null=True)
    spans = SpanSerializer(many=True)


class GraphSerializer(serializers.Serializer[Graph]):
    """An order of construction."""

    name = serializers.CharField()
    title = serializers.CharField()
    levels = serializers.SerializerMethodField()
    precursors = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.ListField()))
    def get_levels(self, graph: Graph) -> list[list[str]]:
        """Name the types of each level."""
        return [[str(one) for one in level] for level in plan(graph)]

    @extend_schema_field(serializers.DictField(child=serializers.ListField()))
    def get_precursors(self, graph: Graph) -> dict[str, list[str]]:
        """Name what each type needs."""
        return {str(t): [str(p) for p in ps] for t, ps in graph.precursors.items()}


class CameraOrderSerializer(serializers.Serializer[Any]):
    """In which order a camera's new tickets are built."""

    instrument = serializers.CharField(source="instrument.pk")
    repository = serializers.CharField(source="repository.slug")
    graph = serializers.CharField(source="graph.name")
    own_pipelines = serializers.DictField(child=serializers.CharField())


class OrdersSerializer(serializers.Serializer[Any]):
    """The orders there are, and each camera's."""

    graphs = GraphSerializer(many=True)
    cameras = CameraOrderSerializer(many=True)


class ChoiceSerializer(serializers.Serializer[Any]):
    """An order to choose."""

    graph = serializers.ChoiceField(choices=list(GRAPHS))


class OrderViewSet(ViewSet):
    """Orders of construction, and which one a camera is built in."""

    lookup_value_regex = "[^/]+"

    @extend_schema(operation_id="construction_orders", responses=OrdersSerializer)
    def list(self, request: Request) -> Response:
        """Give the orders, and the cameras that somebody may read about."""
        cameras = camera_orders(request.user, readable_instruments(request.user))
        found = {"graphs": list(GRAPHS.values()), "cameras": cameras}
        return Response(OrdersSerializer(found).data)

    @extend_schema(
        operation_id="construction_orders_choose",
        request=ChoiceSerializer,
        responses=OrdersSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        """Choose the order for a camera's new tickets; open ones keep theirs."""
        camera = readable_instruments(request.user).filter(pk=pk).first()
        if camera is None:
            raise NotFoundError(f"There is no instrument {pk!r}.")
        given = read(ChoiceSerializer, request)
        choose_graph(build_repository(camera), pk, by=request.user, **given)
        return self.list(request)
