"""Pages of the application."""

from django.urls import path

from taxicab.core.views import notices
from taxicab.core.views import portal as views

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
    path("notices/", notices.listed, name="notices"),
    path("notices/read/", notices.read_all, name="notices-read"),
    path("notices/choices/", notices.choices, name="notice-choices"),
    path("notices/test/", notices.test, name="notice-test"),
    path("notices/<int:pk>/read/", notices.read, name="notice-read"),
]
