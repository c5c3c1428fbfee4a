"""Images of a report over REST: what there is, pixels as tiles, and notes at places."""

from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from reports import tasks
from reports.models import ReportImage, VerificationReport
from reports.services.geometry import detector_names
from reports.services.pins import pins_of
from reports.services.pixels import request_tiles
from reports.services.pyramid import TILE
from reports.services.tiles import TilesMissingError, has_tiles, read_index, read_tile
from taxicab.core.api.serializers import JobSerializer
from taxicab.errors import NotFoundError

__all__ = ["ImagesMixin"]

IMAGE = r"images/(?P<image>[0-9]{1,15})"
TILE_PATH = rf"{IMAGE}/tiles/(?P<level>[0-9]+)/(?P<row>[0-9]+)/(?P<column>[0-9]+)"
TILE_WORDS = (
    "gzip of the first bytes of all values (little-endian float32, row by row from the "
    "lower left), then of all second bytes, third and fourth; so then of the mask "
    "(uint16)."
)


class ImageFilter(filters.FilterSet):
    """By part, detector and exposure."""

    class Meta:
        model = ReportImage
        fields = ("part", "detector", "exposure")


class ImageSerializer(serializers.ModelSerializer[ReportImage]):
    """An image that a report is about."""

    detector = serializers.IntegerField(help_text="Its id; -1: a mosaic of all.")
    detector_name = serializers.SerializerMethodField(
        help_text="Empty for a mosaic, and where the camera is not described."
    )
    exposure = serializers.IntegerField(
        help_text="Of a residual; 0 for the calibration itself."
    )
    is_suspect = serializers.BooleanField(
        help_text="Whether a test that decides failed on it."
    )
    sha256 = serializers.CharField(
        help_text="Of its FITS file, as the report's part names it."
    )
    has_tiles = serializers.SerializerMethodField(
        help_text="Whether its pixels can be read; they are made when asked for."
    )

    class Meta:
        model = ReportImage
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "part",
            "detector",
            "detector_name",
            "exposure",
            "is_suspect",
            "sha256",
            "has_tiles",
        )

    def get_detector_name(self, image: ReportImage) -> str:
        """Name the detector as people do."""
        names = detector_names(image.report.ticket.instrument_id)
        return names.get(image.detector, "")

    def get_has_tiles(self, image: ReportImage) -> bool:
        """Look whether the tiles are there."""
        return has_tiles(image.sha256)


class LevelSerializer(serializers.Serializer[Any]):
    """An image at one binning."""

    level = serializers.IntegerField()
    factor = serializers.IntegerField(help_text="Pixels averaged along each side.")
    shape = serializers.ListField(
        child=serializers.IntegerField(), help_text="Rows and columns of pixels."
    )
    rows = serializers.IntegerField(help_text="Of tiles, from the lower edge up.")
    columns = serializers.IntegerField(help_text="Of tiles.")


class ImageDetailSerializer(serializers.Serializer[Any]):
    """What an image amounts to, and at which levels its pixels can be read."""

    unit = serializers.CharField(help_text="As its header has it.")
    shape = serializers.ListField(
        child=serializers.IntegerField(), help_text="Rows and columns."
    )
    binning = serializers.IntegerField(
        help_text="Pixels of the detector along each side of one of the image's."
    )
    tile = serializers.IntegerField(help_text="Pixels along the side of a tile.")
    planes = serializers.DictField(
        child=serializers.IntegerField(), help_text="Bit of each mask plane."
    )
    numbers = serializers.DictField(
        help_text="Over all pixels: counts, least, greatest, mean, median, sigma, ends "
        "of stretches, masked pixels of each plane."
    )
    levels = LevelSerializer(many=True)


class PinSerializer(serializers.Serializer[Any]):
    """A note at a pixel of the detector, counted from 0 at the lower left."""

    x = serializers.IntegerField()
    y = serializers.IntegerField()
    text = serializers.CharField()
    address = serializers.CharField(help_text="Page where it is read and answered.")


class ImagesMixin(GenericViewSet[VerificationReport]):
    """Images, their pixels and the notes pinned to them; for the reports' viewset."""

    @extend_schema(
        operation_id="reports_images_list",
        responses=ImageSerializer(many=True),
        parameters=[
            OpenApiParameter("part", str),
            OpenApiParameter("detector", int),
            OpenApiParameter("exposure", int),
        ],
    )
    @action(
        detail=True,
        methods=["get"],
        serializer_class=ImageSerializer,
        filter_backends=[],
    )
    def images(self, request: Request, pk: str) -> Response:
        """List the images that a report is about, those that failed first."""
        rows = self._images()
        asked = ImageFilter(request.query_params, queryset=rows)
        if not asked.is_valid():
            raise serializers.ValidationError(asked.errors)
        page = self.paginate_queryset(asked.qs) or []
        return self.get_paginated_response(ImageSerializer(page, many=True).data)

    @extend_schema(
        operation_id="reports_image",
        responses=ImageDetailSerializer,
        parameters=[OpenApiParameter("image", int, "path")],
    )
    @action(detail=True, methods=["get"], url_path=IMAGE)
    def image(self, request: Request, pk: str, image: str) -> Response:
        """Describe an image whose tiles were made, and its levels."""
        index = read_index(self._tiled(image))
        levels = [
            {
                "level": i,
                "factor": 2**i,
                "shape": one["shape"],
                "rows": -(-one["shape"][0] // TILE),
                "columns": -(-one["shape"][1] // TILE),
            }
            for i, one in enumerate(index["levels"])
        ]
        return Response(ImageDetailSerializer({**index, "levels": levels}).data)

    @extend_schema(
        operation_id="reports_image_make_tiles",
        request=None,
        responses={202: JobSerializer},
        parameters=[OpenApiParameter("image", int, "path")],
    )
    @action(detail=True, methods=["post"], url_path=rf"{IMAGE}/tiles")
    def make_image_tiles(self, request: Request, pk: str, image: str) -> Response:
        """Have an image's tiles made; one whose file was changed is refused."""
        found = self._image(image)
        by = cast(User, request.user)
        job = request_tiles(found.report, [found], by=by, task=tasks.make_tiles)
        return Response(JobSerializer(job).data, status=202)

    @extend_schema(
        operation_id="reports_image_tile",
        description=f"Give a tile's pixels as the file has them: {TILE_WORDS}",
        responses={(200, "application/gzip"): OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(name, int, "path")
            for name in ("image", "level", "row", "column")
        ],
    )
    @action(detail=True, methods=["get"], url_path=TILE_PATH)
    def image_tile(
        self, request: Request, pk: str, image: str, level: str, row: str, column: str
    ) -> HttpResponse:
        """Give a tile's pixels as the file has them."""
        packed = read_tile(self._tiled(image), int(level), int(row), int(column))
        return HttpResponse(packed, content_type="application/gzip")

    @extend_schema(
        operation_id="reports_image_pins",
        responses=PinSerializer(many=True),
        parameters=[OpenApiParameter("image", int, "path")],
    )
    @action(
        detail=True,
        methods=["get"],
        url_path=rf"{IMAGE}/pins",
        pagination_class=None,
        filter_backends=[],
    )
    def image_pins(self, request: Request, pk: str, image: str) -> Response:
        """List the notes that are pinned to places of an image."""
        pins = pins_of(self._image(image), request.user)
        return Response(PinSerializer(pins.notes, many=True).data)

    def _images(self) -> "QuerySet[ReportImage]":
        report = self.get_object()
        rows = ReportImage.objects.filter(report=report)
        return rows.select_related("report__ticket").defer("report__summary")

    def _image(self, number: str) -> ReportImage:
        found = self._images().filter(pk=int(number)).first()
        if found is None:
            raise NotFoundError(f"The report has no image {number}: see its images.")
        return found

    def _tiled(self, number: str) -> str:
        image = self._image(number)
        if not has_tiles(image.sha256):
            raise TilesMissingError(
                f"{image} has no tiles yet: have them made, it takes a few seconds."
            )
        return image.sha256
