"""The demo observatory: nights of raw files, and the truth beside them."""

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calibrations.domain.cameras import camera
from calibrations.simulation.files import file_name, observation_name, write_raw
from calibrations.simulation.photodiode import measured_charge_c, write_readings
from calibrations.simulation.pixels import expose, level_drift_adu, light_level_e
from calibrations.simulation.plan import (
    ObservatoryPlan,
    PlannedExposure,
    list_exposures,
)
from calibrations.simulation.sky import list_cosmic_rays, list_stars
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

    photodiode: list[Path] = field(default_factory=list)
    """Readings of the flats, if the plan has any, in order of time."""


def simulate_observatory(
    folder: str | Path,
    plan: ObservatoryPlan | None = None,
    *,
    threads: int = 2,
    on_progress: Progress | None = None,
) -> SimulatedObservatory:
    """Simulate every night of a plan, in ``raw``, ``truth`` and ``photodiode``.

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
    readings = {
        exposure: folder / "photodiode" / _readings_name(plan, exposure)
        for exposure in exposures
        if plan.photodiode and exposure.image_type == "flat"
    }
    observatory = SimulatedObservatory(
        plan, nights, folder / "truth", list(readings.values())
    )
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
    for exposure, path in readings.items():
        write_readings(path, plan, exposure, light_level_e(plan, exposure))
    # Written last: a simulation that was broken off is done again.
    observatory.truth.mkdir(parents=True, exist_ok=True)
    record.write_text(text)
    return observatory


def _readings_name(plan: ObservatoryPlan, exposure: PlannedExposure) -> str:
    """Name a file of readings as the observatory does."""
    day, seq = observation_name(plan, exposure).split("_")[2:]
    return f"{day}/Photodiode_Readings_{day}_{seq}.txt"


def _describe(
    plan: ObservatoryPlan, exposures: list[PlannedExposure]
) -> dict[str, Any]:
    """Give the plan, and what is true of each exposure, as plain values."""
    return {
        "plan": dataclasses.asdict(plan),
        "exposures": [_describe_exposure(plan, exposure) for exposure in exposures],
    }


def _describe_exposure(
    plan: ObservatoryPlan, exposure: PlannedExposure
) -> dict[str, Any]:
    light_e = light_level_e(plan, exposure)
    described: dict[str, Any] = {
        "id": exposure.id,
        "kind": exposure.kind,
        "begin_tai": exposure.begin_tai.isot,
        "exposure_time_s": exposure.exposure_time_s,
        "dark_time_s": exposure.dark_time_s,
        "light_e": light_e,
        "saturated": exposure.light_ratio > 1.0,
        "level_drift_adu": {
            str(detector): _rounded(level_drift_adu(plan, exposure, detector))
            for detector in plan.detectors
        },
    }
    if plan.photodiode and exposure.image_type == "flat":
        described["photodiode_c"] = measured_charge_c(plan, exposure, light_e)
    shapes = {
        detector: plan.size.shape(camera(plan.instrument).detector(detector))
        for detector in plan.detectors
    }
    if plan.effects.stars and exposure.kind == "science":
        described["stars"] = {
            str(detector): _rounded(list_stars(plan, detector, shape, exposure.id))
            for detector, shape in shapes.items()
        }
    if plan.effects.cosmic_rays_per_s and exposure.kind in ("dark", "science"):
        described["cosmic_rays"] = {
            str(detector): _rounded(list_cosmic_rays(plan, detector, shape, exposure))
            for detector, shape in shapes.items()
        }
    return described


def _rounded(values: np.ndarray) -> list[Any]:
    """Give numbers to four places, as a record needs them."""
    listed: list[Any] = np.round(values, 4).tolist()
    return listed
