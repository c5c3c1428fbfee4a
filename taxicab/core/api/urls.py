"""REST addresses of the application."""

from rest_framework.routers import SimpleRouter

from taxicab.core.api.views import (
    EventViewSet,
    JobViewSet,
    NoticeViewSet,
    RepositoryViewSet,
)

router = SimpleRouter()
router.register("jobs", JobViewSet, basename="api-job")
router.register("repositories", RepositoryViewSet, basename="api-repository")
router.register("notices", NoticeViewSet, basename="api-notice")
router.register("events", EventViewSet, basename="api-event")

urlpatterns = router.urls
