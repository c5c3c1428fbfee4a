"""Build the demo observatory: simulate its nights and fill its repositories.

``python -m calibrations.simulation FOLDER --both REPOSITORY --later REPOSITORY …``
(``--plan full`` for every type of calibration, ``--plan lsstcam`` for a camera of 205)
writes one JSON object a line: ``{"done", "of", "what"}``, and last ``{"nights"}``.
Taken again it finds what is there and changes nothing.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from calibrations.butler.ingest import ingest_raws
from calibrations.butler.repositories import make_repository
from calibrations.simulation.curated import write_curated_defects
from calibrations.simulation.observatory import (
    SimulatedObservatory,
    simulate_observatory,
)
from calibrations.simulation.plans import PLANS
from taxicab.errors import TaxicabError


def main() -> int:
    """Build what the command line asks for."""
    options = _parse()
    plan = PLANS[options.plan]()
    if options.detectors:
        detectors = tuple(int(number) for number in options.detectors.split(","))
        plan = dataclasses.replace(plan, detectors=detectors)
    try:
        observatory = simulate_observatory(
            options.folder,
            plan,
            on_progress=lambda done, of: _tell(what="simulated", done=done, of=of),
        )
        if options.curated:
            write_curated_defects(options.curated, observatory)
        for repository in options.both:
            _fill(repository, observatory, list(observatory.nights))
        for repository in options.later:
            _fill(repository, observatory, [max(observatory.nights)])
    except TaxicabError as error:
        _tell(error=str(error))
        return 1
    _tell(nights=list(observatory.nights))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--both", type=Path, action="append", default=[])
    parser.add_argument("--later", type=Path, action="append", default=[])
    parser.add_argument("--detectors", help="such as 0,1,2; all by default")
    parser.add_argument(
        "--curated", type=Path, help="folder for the defects that the truth knows"
    )
    parser.add_argument("--plan", choices=sorted(PLANS), default="default")
    return parser.parse_args()


def _fill(
    repository: Path, observatory: SimulatedObservatory, nights: list[int]
) -> None:
    """Make a repository and ingest nights; what is there already stays."""
    make_repository(repository, observatory.plan.instrument)
    summary = ingest_raws(
        repository, [path for night in nights for path in observatory.nights[night]]
    )
    if summary.bad_files:
        raise TaxicabError(f"Simulated files were refused: {summary.bad_files}")
    _tell(what=f"filled {repository.name}")


def _tell(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


if __name__ == "__main__":
    sys.exit(main())
