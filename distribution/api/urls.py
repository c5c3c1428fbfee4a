"""REST addresses of the application."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from distribution.api.views import DeploymentViewSet, TrackingView

router = SimpleRouter()
router.register("deployments", DeploymentViewSet, basename="api-deployment")

urlpatterns = [
    *router.urls,
    path("tracking/", TrackingView.as_view(), name="api-tracking"),
]
