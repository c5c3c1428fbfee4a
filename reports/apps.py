"""The reports application."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Names the application."""

    name = "reports"
