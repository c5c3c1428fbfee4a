"""Addresses of the portal: pages, REST, documentation."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from taxicab import dashboard, documentation

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("running/", dashboard.running, name="dashboard-running"),
    path("", include("taxicab.core.urls")),
    path("construction/", include("calibrations.urls")),
    path("reports/", include("reports.urls")),
    path("taxicab/", include("taxicab.board.urls")),
    path("deployments/", include("distribution.urls")),
    path("login/", auth.LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("taxicab.core.api.urls")),
    path("api/v1/", include("calibrations.api.urls")),
    path("api/v1/", include("reports.api.urls")),
    path("api/v1/", include("taxicab.board.api.urls")),
    path("api/v1/", include("distribution.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", documentation.api_docs, name="api-docs"),
]
