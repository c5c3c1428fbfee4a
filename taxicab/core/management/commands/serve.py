"""``manage.py serve``: the whole portal on this machine, from one data folder."""

from argparse import ArgumentParser
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from taxicab.core.models import Repository
from taxicab.core.processes import (
    embedded_environment,
    prepare_portal,
    running_portal,
    stop_on_signals,
    supervise,
)
from taxicab.errors import TaxicabError

__all__ = ["Command"]


class Command(BaseCommand):
    """Runs Redis, a worker for each queue, beat and the web server until stopped."""

    help = "Run the whole portal on this machine until Ctrl-C or SIGTERM."
    # The processes are given the safe settings; this one only reads the queues.
    requires_system_checks: ClassVar = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which queues are served here."""
        parser.add_argument(
            "--queue",
            action="append",
            dest="queues",
            help="Queue to serve, repeatable; by default the portal's and those of "
            "all connected repositories.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until told to stop."""
        folder = settings.TAXICAB_DATA
        try:
            with stop_on_signals():
                prepare_portal(embedded_environment(folder, bind=settings.BIND))
                queues = options["queues"] or served_queues()
                with running_portal(folder, queues, bind=settings.BIND) as portal:
                    self.stdout.write(f"The portal answers at {portal.address}")
                    self.stdout.write(f"Queues: {', '.join(queues)}. Ctrl-C stops it.")
                    supervise(portal.children, report=self.stdout.write)
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        except TaxicabError as error:
            raise CommandError(str(error)) from error


def served_queues() -> list[str]:
    """Name the portal's own queue and those of all connected repositories."""
    connected = Repository.objects.connected().values_list("queue", flat=True)
    return [settings.CELERY_TASK_DEFAULT_QUEUE, *sorted(set(connected))]
