"""Pages of the application."""

from django.urls import path

from distribution.views import deployments, tracking

urlpatterns = [
    path("", deployments.deployments, name="deployments"),
    path("tracking/", tracking.tracking, name="tracking"),
    path("tracking.csv", tracking.tracking_csv, name="tracking-csv"),
    path("look/<slug:slug>/", tracking.look, name="repository-look"),
    path("new/<str:key>/", deployments.file_new, name="deployment-new"),
    path("<str:key>/", deployments.deployment, name="deployment"),
    path("<str:key>/live/", deployments.deployment_live, name="deployment-live"),
    path("<str:key>/start/", deployments.start, name="deployment-start"),
    path("<str:key>/withdraw/", deployments.withdraw, name="deployment-withdraw"),
    path("<str:key>/targets/<int:pk>/skip/", deployments.skip, name="target-skip"),
    path(
        "<str:key>/targets/<int:pk>/include/",
        deployments.include,
        name="target-include",
    ),
    path(
        "<str:key>/targets/<int:pk>/roll-back/",
        deployments.roll_back,
        name="target-roll-back",
    ),
    path(
        "<str:key>/steps/<int:pk>/run-again/",
        deployments.run_again,
        name="step-run-again",
    ),
]
