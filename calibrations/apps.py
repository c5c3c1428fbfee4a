"""The calibrations application."""

from django.apps import AppConfig


class CalibrationsConfig(AppConfig):
    """Names the application."""

    name = "calibrations"
