"""REST addresses of the application."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from reports.api.views import ReportViewSet

router = SimpleRouter()
router.register("reports", ReportViewSet, basename="api-report")

urlpatterns = [
    *router.urls,
    path(
        "reports/<int:pk>/files/<path:name>",
        ReportViewSet.as_view({"get": "read_file"}),
        name="api-report-file",
    ),
]
