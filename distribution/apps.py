"""The distribution application."""

from django.apps import AppConfig


class DistributionConfig(AppConfig):
    """Names the application and lets its steps follow their jobs."""

    name = "distribution"

    def ready(self) -> None:
        """Register what follows jobs, in every process that may move one."""
        from distribution.services import progress  # noqa: F401
