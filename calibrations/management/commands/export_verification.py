"""Write the tests of a run as Rubin's YAML: ``manage.py export_verification``."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calibrations.butler.client import MetricRow
from calibrations.domain.cameras import CAMERAS
from calibrations.domain.merged_stats import (
    NO_DETECTOR,
    NO_EXPOSURE,
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
        parser.add_argument(
            "--instrument", default="", help="where the collection does not begin so"
        )
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
        name = instrument or collection.partition("/")[0]
        if name not in CAMERAS:
            raise CommandError(
                f"{name} is no camera; --instrument names one: {', '.join(CAMERAS)}.",
                returncode=2,
            )
        try:
            gateway = find_gateway(repository, instrument=name)
            rows = gateway.read_metrics(collection, f"verify{stage.capitalize()}Tests")
        except TaxicabError as error:
            raise CommandError(str(error), returncode=2) from error
        names = {one.id: one.name for one in CAMERAS[name].detectors}
        stats = nested_stats(rows, names, exposure)
        self.stdout.write(yaml.safe_dump(stats, sort_keys=False), ending="")


def nested_stats(
    rows: Sequence[MetricRow], names: Mapping[int, str], exposure: int | None
) -> dict[Any, Any]:
    """Nest a run's tests, or those of one exposure."""
    strange = {int(row["detector"]) for row in rows} - {NO_DETECTOR, *names}
    if strange:
        raise CommandError(
            f"The camera has no detector {', '.join(map(str, sorted(strange)))}, which "
            "the tests name. --instrument names the camera.",
            returncode=2,
        )
    exposures = sorted({int(row["exposure"]) for row in rows} - {NO_EXPOSURE})
    if exposure is not None and exposure not in exposures:
        listed = ", ".join(map(str, exposures)) or "none: it is of no exposure"
        raise CommandError(
            f"There is no test of exposure {exposure}; there are {listed}.",
            returncode=2,
        )
    if exposure is not None:
        return exposure_stats(rows, names, exposure)
    return (run_stats if exposures else calibration_stats)(rows, names)
