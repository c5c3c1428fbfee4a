"""Curated defects of the simulated camera, as the observatory keeps its own.

What somebody who knows the truth would have written by hand: pixels so bright in the
dark that nothing measured in them can be used.
"""

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from calibrations.domain.cameras import camera
from calibrations.simulation.observatory import SimulatedObservatory
from calibrations.simulation.truth import load_truth

__all__ = ["write_curated_defects"]

BRIGHT_E_PER_S = 5.0
"""What the observatory's specification calls a bright pixel."""

BEGIN = "19700101T000000"


def write_curated_defects(folder: Path, observatory: SimulatedObservatory) -> Path:
    """Write ``defects/<detector>/19700101T000000.ecsv`` for every detector.

    Coordinates are those of the simulated amplifiers' size. Taken again it writes the
    same files.
    """
    plan = observatory.plan
    for number in plan.detectors:
        detector = camera(plan.instrument).detector(number)
        truth = load_truth(observatory.truth, number)
        y0, x0 = np.nonzero(truth.dark_e_per_s > BRIGHT_E_PER_S)
        ones = np.ones_like(x0)
        table = Table(
            {
                name: values.astype(np.int32) * u.pix
                for name, values in zip(
                    ("x0", "y0", "width", "height"), (x0, y0, ones, ones), strict=True
                )
            },
            meta={
                "OBSTYPE": "defects",
                "INSTRUME": plan.instrument,
                "DETECTOR": detector.id,
                "CALIBDATE": "1970-01-01T00:00:00",
            },
        )
        path = folder / "defects" / detector.name.lower() / f"{BEGIN}.ecsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write(path, format="ascii.ecsv", overwrite=True)
    return folder
