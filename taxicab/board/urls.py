"""Pages of the application."""

from django.urls import path

from taxicab.board import views

urlpatterns = [
    path("", views.taxicabs, name="taxicabs"),
    path("hail/<str:key>/", views.hail, name="taxicab-hail"),
    path("<str:key>/", views.taxicab, name="taxicab-ticket"),
    path("<str:key>/position/", views.position, name="taxicab-position"),
    path("<str:key>/adopt/", views.adopt, name="taxicab-adopt"),
    path("<str:key>/reject/", views.reject, name="taxicab-reject"),
    path("<str:key>/withdraw/", views.withdraw, name="taxicab-withdraw"),
]
