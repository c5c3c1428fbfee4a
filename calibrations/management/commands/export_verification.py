"""Write the tests of a run as Rubin's YAML: ``manage.py export_verification``."""

from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calibrations.domain.cameras import camera
from calibrations.domain.merged_stats import (
    calibration_stats,
    exposure_stats,
    run_stats,
)
from calibrations.services.ingestion import find_gateway
from taxicab.errors import TaxicabError


class Command(BaseCommand):
    """Read the long table of tests, write upstream's nested shape."""

    help = (
        "Write what verify{Type}Stats holds, as cp_verify's YAML, from the tests of a "
        "run: exposures (or detectors, where a calibration is verified without "
        "exposures), each with SUCCESS and its FAILURES. Nothing is left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare repository, run, stage and exposure."""
        parser.add_argument(
            "repository", help="a repository of the portal by name, or a Butler's root"
        )
        parser.add_argument("collection", help="run or chain of a verification")
        parser.add_argument("stage", help="as in its datasets: Bias, Flat, Ptc, …")
        parser.add_argument("--instrument", default="LSSTComCam")
        parser.add_argument(
            "--exposure", type=int, help="the detectors of this exposure alone"
        )

    def handle(
        self,
        *,
        repository: str,
        collection: str,
        stage: str,
        instrument: str,
        exposure: int | None,
        **options: Any,
    ) -> None:
        """Write to standard output."""
        try:
            gateway = find_gateway(repository, instrument=instrument)
            rows = gateway.read_metrics(collection, f"verify{stage}Tests")
            names = {one.id: one.name for one in camera(instrument).detectors}
        except TaxicabError as error:
            raise CommandError(str(error)) from error
        if exposure is not None:
            stats = exposure_stats(rows, names, exposure)
        elif any(row["exposure"] for row in rows):
            stats = run_stats(rows, names)
        else:
            stats = calibration_stats(rows, names)
        self.stdout.write(yaml.safe_dump(stats, sort_keys=False), ending="")
