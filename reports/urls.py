"""Pages of the application."""

from django.urls import path

from reports import views

urlpatterns = [
    path("", views.reports, name="reports"),
    path("<str:key>/new/", views.new, name="report-new"),
    path("<str:key>/<int:version>/", views.report, name="report"),
    path("<str:key>/<int:version>/live/", views.report_live, name="report-live"),
    path(
        "<str:key>/<int:version>/files/<path:name>",
        views.report_file,
        name="report-file",
    ),
    path(
        "<str:key>/<int:version>/archive.zip",
        views.report_archive,
        name="report-archive",
    ),
]
