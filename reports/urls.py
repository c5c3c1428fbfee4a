"""Pages of the application."""

from django.urls import path

from reports.views import consequence, figures, pixels, plane, reports, tiles, verdict

urlpatterns = [
    path("", reports.reports, name="reports"),
    path("<str:key>/new/", reports.new, name="report-new"),
    path("<str:key>/<int:version>/", reports.report, name="report"),
    path("<str:key>/<int:version>/live/", reports.report_live, name="report-live"),
    path(
        "<str:key>/<int:version>/files/<path:name>",
        reports.report_file,
        name="report-file",
    ),
    path("cameras/<str:instrument>/plane.svg", plane.geometry, name="report-geometry"),
    path("<str:key>/<int:version>/types/<str:part>/", verdict.part, name="report-part"),
    path(
        "<str:key>/<int:version>/provenance/",
        verdict.provenance,
        name="report-provenance",
    ),
    path(
        "<str:key>/<int:version>/clusters/<str:part>/<str:level>/<str:test>/",
        verdict.cluster,
        name="report-cluster",
    ),
    path("<str:key>/<int:version>/figures/", figures.figures, name="report-figures"),
    path(
        "<str:key>/<int:version>/figures/<str:part>/<str:figure>.<slug:form>",
        figures.figure,
        name="report-figure",
    ),
    path("<str:key>/<int:version>/plane/", plane.plane, name="report-plane"),
    path(
        "<str:key>/<int:version>/plane/values.json",
        plane.values,
        name="report-plane-values",
    ),
    path(
        "<str:key>/<int:version>/plane/plane.svg",
        plane.picture,
        name="report-plane-picture",
    ),
    path(
        "<str:key>/<int:version>/detectors/<str:name>/",
        plane.detector,
        name="report-detector",
    ),
    path(
        "<str:key>/<int:version>/detectors/<str:name>/<str:amplifier>/",
        plane.amplifier,
        name="report-amplifier",
    ),
    path(
        "<str:key>/<int:version>/consequence/",
        consequence.consequence,
        name="report-consequence",
    ),
    path(
        "<str:key>/<int:version>/consequence/live/",
        consequence.live,
        name="report-consequence-live",
    ),
    path(
        "<str:key>/<int:version>/consequence/read/",
        consequence.read,
        name="report-consequence-read",
    ),
    path("<str:key>/<int:version>/pixels/", pixels.pixels, name="report-pixels"),
    path(
        "<str:key>/<int:version>/pixels/live/",
        tiles.live,
        name="report-pixels-live",
    ),
    path(
        "<str:key>/<int:version>/pixels/make/",
        tiles.make_tiles,
        name="report-make-tiles",
    ),
    path(
        "<str:key>/<int:version>/pixels/<str:sha256>/preview.png",
        tiles.preview,
        name="report-preview",
    ),
    path(
        "<str:key>/<int:version>/pixels/<str:sha256>/<int:level>/<int:row>/<int:column>",
        tiles.tile,
        name="report-tile",
    ),
    path(
        "<str:key>/<int:version>/archive.zip",
        reports.report_archive,
        name="report-archive",
    ),
]
