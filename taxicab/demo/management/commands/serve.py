"""Serve the portal from one data folder: Redis, workers, beat and gunicorn."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from taxicab.core.domain.queues import tiles_queue
from taxicab.core.models import Repository
from taxicab.core.processes.child import stop_on_signals, supervise
from taxicab.core.processes.portal import (
    embedded_environment,
    prepare_portal,
    running_portal,
)
from taxicab.errors import TaxicabError


def _queues() -> list[str]:
    """Name the portal's queue, each site's, and that of the build place's tiles."""
    connected = Repository.objects.connected()
    queues = {"portal", *connected.values_list("queue", flat=True)}
    queues |= {tiles_queue(one.queue) for one in connected if one.is_build}
    return sorted(queues)


class Command(BaseCommand):
    """Runs every process of an embedded portal until it is told to stop."""

    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--bind",
            default=os.environ.get("TAXICAB_BIND", "127.0.0.1:8000"),
            help="Address to serve on (default %(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the processes and watch them."""
        data, bind = settings.TAXICAB_DATA, options["bind"]
        try:
            prepare_portal(embedded_environment(data, bind=bind))
            queues = _queues()
            with stop_on_signals(), running_portal(data, queues, bind=bind) as portal:
                self.stdout.write(f"The portal serves on {portal.address}")
                supervise(portal.children)
        except TaxicabError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
