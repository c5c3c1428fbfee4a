"""Ingest exposures' companions: ``manage.py ingest_companions REPOSITORY PATH…``."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calibrations.management.progress import ProgressBar
from calibrations.services.ingestion import find_gateway
from taxicab.errors import TaxicabError

LEFT_OUT = 1
"""Exit code where a file was left out; the others are in the repository."""


class Command(BaseCommand):
    """Take photodiode readings and shutter profiles into a repository."""

    help = (
        "Match photodiode readings (two columns, ECSV, electrometer FITS) and shutter "
        "profiles (JSON) with their exposures, whose raws must be there, and put them "
        "into $INST/calib/photodiode and $INST/calib/shutterMotion. Doing it again "
        "changes nothing; files that match no exposure are named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare repository, paths and options."""
        parser.add_argument(
            "repository", help="a repository of the portal by name, or a Butler's root"
        )
        parser.add_argument(
            "paths", nargs="+", help="files, folders (however deep), or patterns"
        )
        parser.add_argument(
            "--instrument", default="", help="of files that do not name theirs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ingest, and say what happened."""
        paths = [os.path.abspath(path) for path in options["paths"]]
        with ProgressBar(self.stderr, quiet=options["verbosity"] == 0) as bar:
            try:
                gateway = find_gateway(
                    options["repository"],
                    instrument=options["instrument"],
                    on_event=bar.on_event,
                )
                outcome = gateway.ingest_companions(paths)
            except TaxicabError as error:
                raise CommandError(str(error), returncode=2) from error
        for path, reason in outcome.bad_files.items():
            shown = reason if path in reason else f"{path}: {reason}"
            self.stderr.write(f"left out: {shown}")
        for name, count in sorted(outcome.datasets.items()):
            self.stdout.write(f"{name}: {count}")
        self.stdout.write(
            f"{outcome.ingested} taken in, {outcome.present} were there already, "
            f"{len(outcome.bad_files)} left out."
        )
        if outcome.bad_files:
            raise CommandError(
                f"{len(outcome.bad_files)} left out, named above.", returncode=LEFT_OUT
            )
