"""Pages of the application."""

from django.urls import path

from taxicab.core import views

urlpatterns = [
    path("favicon.ico", views.favicon, name="favicon"),
    path("theme/", views.theme, name="theme"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<int:pk>/", views.job, name="job"),
    path("jobs/<int:pk>/live/", views.job_live, name="job-live"),
    path("jobs/<int:pk>/cancel/", views.cancel, name="job-cancel"),
    path("jobs/<int:pk>/run-again/", views.run_again, name="job-run-again"),
    path("repositories/", views.repositories, name="repositories"),
    path("repositories/<slug:slug>/", views.repository, name="repository"),
    path("people/", views.people, name="people"),
    path("help/", views.about, name="help"),
]
