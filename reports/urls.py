"""Pages of the application."""

from django.urls import path

from reports.views import reports

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
    path(
        "<str:key>/<int:version>/archive.zip",
        reports.report_archive,
        name="report-archive",
    ),
]
