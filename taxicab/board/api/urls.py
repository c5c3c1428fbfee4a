"""REST addresses of the application."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from taxicab.board.api.meetings import MeetingViewSet, RecordView
from taxicab.board.api.views import TaxicabViewSet

router = SimpleRouter()
router.register("taxicab", TaxicabViewSet, basename="api-taxicab")
router.register("meetings", MeetingViewSet, basename="api-meeting")

urlpatterns = [
    path("taxicab/<str:key>/record/", RecordView.as_view(), name="api-record"),
    *router.urls,
]
