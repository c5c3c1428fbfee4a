"""The calibrations application."""

from django.apps import AppConfig


class CalibrationsConfig(AppConfig):
    """Names the application; steps begin to follow their jobs."""

    name = "calibrations"

    def ready(self) -> None:
        """Register what follows jobs, in every process that may move one."""
        from calibrations.services import steps  # noqa: F401
