"""REST addresses of the application."""

from rest_framework.routers import SimpleRouter

from taxicab.core.api.views import EventViewSet, JobViewSet, RepositoryViewSet

router = SimpleRouter()
router.register("jobs", JobViewSet, basename="api-job")
router.register("repositories", RepositoryViewSet, basename="api-repository")
router.register("events", EventViewSet, basename="api-event")

urlpatterns = router.urls
