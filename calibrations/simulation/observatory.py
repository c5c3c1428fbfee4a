"""The demo observatory: nights of raw files, and the truth beside them."""

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibrations.domain.cameras import camera
from calibrations.simulation.files import file_name, write_raw
from calibrations.simulation.pixels import expose, flat_level_e, level_drift_adu
from calibrations.simulation.plan import (
    ObservatoryPlan,
    PlannedExposure,
    list_exposures,
)
from calibrations.simulation.truth import DetectorTruth, make_truth, save_truth

__all__ = ["SimulatedObservatory", "simulate_observatory"]

Progress = Callable[[int, int], None]
"""Called with the number of files written and the number of files."""


@dataclass(frozen=True)
class SimulatedObservatory:
    """Where the files of a plan are."""

    plan: ObservatoryPlan
    nights: dict[int, list[Path]]
    """Raw files by day_obs, in order of exposure and detector."""

    truth: Path
    """Folder of ``plan.json`` and of one file per detector (see `load_truth`)."""


def simulate_observatory(
    folder: str | Path,
    plan: ObservatoryPlan | None = None,
    *,
    threads: int = 2,
    on_progress: Progress | None = None,
) -> SimulatedObservatory:
    """Simulate every night of a plan, under ``raw/`` and ``truth/`` of a folder.

    A folder that holds this very plan already is left as it is. Memory is that of one
    detector's truth and of one exposure per thread.
    """
    folder, plan = Path(folder), plan or ObservatoryPlan()
    exposures = list_exposures(plan)
    detectors = [camera(plan.instrument).detector(d) for d in plan.detectors]
    paths = {
        (exposure.id, detector.id): folder
        / "raw"
        / str(exposure.day_obs)
        / file_name(plan, exposure, detector)
        for exposure in exposures
        for detector in detectors
    }
    nights: dict[int, list[Path]] = {night.day_obs: [] for night in plan.nights}
    for (exposure_id, _), path in paths.items():
        nights[exposure_id // 100000].append(path)
    observatory = SimulatedObservatory(plan, nights, folder / "truth")
    record = observatory.truth / "plan.json"
    text = json.dumps(_describe(plan, exposures), indent=1)
    if record.exists() and record.read_text() == text:
        return observatory
    done = 0
    for detector in detectors:
        truth = make_truth(plan, detector.id)
        save_truth(observatory.truth, truth)

        def take(exposure: PlannedExposure, truth: DetectorTruth = truth) -> None:
            adu = expose(plan, truth, exposure)
            chip = camera(plan.instrument).detector(truth.detector)
            write_raw(paths[exposure.id, truth.detector], plan, exposure, chip, adu)

        # NumPy lets other threads run while it draws random numbers.
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(take, exposures):
                done += 1
                if on_progress is not None:
                    on_progress(done, len(paths))
    # Written last: a simulation that was broken off is done again.
    record.write_text(text)
    return observatory


def _describe(
    plan: ObservatoryPlan, exposures: list[PlannedExposure]
) -> dict[str, Any]:
    """Give the plan, and what is true of each exposure, as plain values."""
    return {
        "plan": dataclasses.asdict(plan),
        "exposures": [
            {
                "id": exposure.id,
                "kind": exposure.kind,
                "begin_tai": exposure.begin_tai.isot,
                "dark_time_s": exposure.dark_time_s,
                "light_e": flat_level_e(plan, exposure),
                "saturated": exposure.light_ratio > 1.0,
                "level_drift_adu": {
                    str(detector): [
                        round(float(drift), 4)
                        for drift in level_drift_adu(plan, exposure, detector)
                    ]
                    for detector in plan.detectors
                },
            }
            for exposure in exposures
        ],
    }
