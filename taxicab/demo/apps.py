"""The demonstration application: it brings the ``demo`` command."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Names the application."""

    name = "taxicab.demo"
    label = "demo"
    verbose_name = "Demonstration"
