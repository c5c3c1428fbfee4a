"""REST addresses of the application."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from calibrations.api.plans import OrderViewSet
from calibrations.api.steps import (
    CertificationViewSet,
    GenerationViewSet,
    ResultsView,
    SelectionViewSet,
    VerificationViewSet,
)
from calibrations.api.tickets import TicketViewSet

router = SimpleRouter()
router.register("construction-tickets", TicketViewSet, basename="api-construction")
router.register("construction-orders", OrderViewSet, basename="api-orders")
router.register("selections", SelectionViewSet, basename="api-selection")
router.register("generations", GenerationViewSet, basename="api-generation")
router.register("verifications", VerificationViewSet, basename="api-verification")
router.register("certifications", CertificationViewSet, basename="api-certification")

urlpatterns = [
    *router.urls,
    path(
        "verifications/<int:pk>/results/",
        ResultsView.as_view(),
        name="api-verification-results",
    ),
]
