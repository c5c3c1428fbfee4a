"""REST addresses of the application."""

from rest_framework.routers import SimpleRouter

from taxicab.board.api.views import TaxicabViewSet

router = SimpleRouter()
router.register("taxicab", TaxicabViewSet, basename="api-taxicab")

urlpatterns = router.urls
