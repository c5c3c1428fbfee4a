"""Ingest raw files: ``manage.py ingest_raws REPOSITORY PATH…``."""

import os
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calibrations.butler.client import IngestOutcome
from calibrations.management.progress import ProgressBar
from calibrations.services.ingestion import find_gateway
from taxicab.errors import TaxicabError

TRANSFERS = ("copy", "hardlink", "symlink", "relsymlink", "direct", "move", "auto")
COLUMNS = ("instrument", "day_obs", "type", "reason", "filter", "exposures", "files")

LEFT_OUT = 1
"""Exit code where a file was left out; the others are in the repository."""


class Command(BaseCommand):
    """Take raw files into a repository."""

    help = (
        "Describe the exposures of raw files and take the files into a Butler "
        "repository. Doing it again changes nothing. Files that cannot be taken in are "
        f"named, with the reason; the exit code is then {LEFT_OUT}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare repository, paths and options."""
        parser.add_argument(
            "repository", help="a repository of the portal by name, or a Butler's root"
        )
        parser.add_argument(
            "paths", nargs="+", help="files, folders (however deep), or patterns"
        )
        parser.add_argument("--transfer", choices=TRANSFERS, default="copy")
        parser.add_argument(
            "--processes",
            type=int,
            default=min(4, os.cpu_count() or 1),
            help="that read headers",
        )
        parser.add_argument(
            "--register",
            action="store_true",
            help="register instruments that the repository does not know yet",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ingest, and say what happened."""
        paths = [os.path.abspath(path) for path in options["paths"]]
        with ProgressBar(self.stderr, quiet=options["verbosity"] == 0) as bar:
            try:
                gateway = find_gateway(options["repository"], on_event=bar.on_event)
                outcome = gateway.ingest_raws(
                    paths,
                    transfer=options["transfer"],
                    processes=options["processes"],
                    register=options["register"],
                )
            except TaxicabError as error:
                raise CommandError(str(error), returncode=2) from error
        self._tell(outcome)
        if outcome.bad_files:
            raise CommandError(
                f"{len(outcome.bad_files)} left out, named above.", returncode=LEFT_OUT
            )

    def _tell(self, outcome: IngestOutcome) -> None:
        rows = [tuple(map(str, vars(kind).values())) for kind in outcome.kinds]
        if rows:
            self.stdout.write(format_table(COLUMNS, rows))
        for path, problems in outcome.problems.items():
            for problem in problems:
                self.stdout.write(f"note: {path}: {problem}")
        for path, reason in outcome.bad_files.items():
            shown = reason if path in reason else f"{path}: {reason}"
            self.stderr.write(f"left out: {shown}")
        nothing = " Nothing was changed." if not outcome.ingested else ""
        self.stdout.write(
            f"{outcome.ingested} files taken in, {outcome.present} were there already, "
            f"{len(outcome.bad_files)} left out.{nothing}"
        )


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set rows in columns wide enough for them."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in (columns, *rows)
    )
