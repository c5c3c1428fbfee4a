"""The core application: what every ticket needs."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Registers the deployment checks and the Celery application."""

    name = "taxicab.core"
    label = "core"
    verbose_name = "Core"

    def ready(self) -> None:
        """Load what registers itself on import."""
        from taxicab import celery  # noqa: F401  shared_task binds to this app
        from taxicab.core import checks  # noqa: F401
