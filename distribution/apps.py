"""The distribution application."""

from django.apps import AppConfig


class DistributionConfig(AppConfig):
    """Names the application."""

    name = "distribution"
