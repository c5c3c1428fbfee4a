"""Certify curated calibrations: ``manage.py ingest_curated REPOSITORY TICKET …``."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calibrations.management.progress import ProgressBar
from calibrations.services.ingestion import find_gateway
from taxicab.errors import TaxicabError

LEFT_OUT = 1
"""Exit code where a file was left out; the others are certified."""


class Command(BaseCommand):
    """Take the observatory's curated calibrations into a ticket's collection."""

    help = (
        "Put crosstalk and defects of the observatory's ECSV layout "
        "(crosstalk/r22_s11/19700101T000000.ecsv) and a camera's YAML into a "
        "repository and certify them in $INST/calib/TICKET/curated, last in the "
        "ticket's chain. Doing it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare repository, ticket, folder and options."""
        parser.add_argument(
            "repository", help="a repository of the portal by name, or a Butler's root"
        )
        parser.add_argument("ticket", help="such as DM-12345")
        parser.add_argument(
            "folder", nargs="?", help="a camera's folder of curated calibrations"
        )
        parser.add_argument("--camera", help="folder of the camera's own YAML")
        parser.add_argument(
            "--instrument",
            default="",
            help="where the repository holds more than one, or is named by its root",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ingest, certify, and say what happened."""
        folders = {
            name: os.path.abspath(options[name]) if options[name] else None
            for name in ("folder", "camera")
        }
        with ProgressBar(self.stderr, quiet=options["verbosity"] == 0) as bar:
            try:
                gateway = find_gateway(
                    options["repository"],
                    instrument=options["instrument"],
                    needs_instrument=True,
                    on_event=bar.on_event,
                )
                outcome = gateway.ingest_curated(
                    options["ticket"],
                    folders["folder"],
                    camera_folder=folders["camera"],
                )
            except TaxicabError as error:
                raise CommandError(str(error), returncode=2) from error
        for path, reason in outcome.bad_files.items():
            shown = reason if path in reason else f"{path}: {reason}"
            self.stderr.write(f"left out: {shown}")
        for name in outcome.unused:
            self.stdout.write(f"note: {name} is nothing that is used here.")
        for name, count in sorted(outcome.datasets.items()):
            self.stdout.write(f"{name}: {count}")
        self.stdout.write(
            f"{outcome.ingested} taken in, {outcome.present} were there already, "
            f"{outcome.certified} ranges certified in {outcome.collection}."
        )
        if outcome.bad_files:
            raise CommandError(
                f"{len(outcome.bad_files)} left out, named above.", returncode=LEFT_OUT
            )
