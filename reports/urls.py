"""Pages of the application."""

from django.urls import path

from reports.views import figures, plane, reports, verdict

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
        "<str:key>/<int:version>/archive.zip",
        reports.report_archive,
        name="report-archive",
    ),
]
