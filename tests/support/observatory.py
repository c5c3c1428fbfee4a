"""Small observatories for tests: a real repository with simulated raws of two nights.

Build one per session, then give each test a copy of its folder: paths inside a
repository are relative, so a copy is a repository of its own.
"""

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calibrations.butler.ingest import ingest_raws
from calibrations.butler.repositories import make_repository
from calibrations.simulation.effects import full_effects
from calibrations.simulation.observatory import simulate_observatory
from calibrations.simulation.plan import (
    AmplifierFault,
    AmplifierSize,
    Night,
    ObservatoryPlan,
)
from calibrations.simulation.truth import DetectorTruth, load_truth

__all__ = [
    "EVERY_KIND",
    "SMALL_SIZE",
    "SmallObservatory",
    "build_small_observatory",
    "every_kind_plan",
    "small_plan",
]

SMALL_SIZE = AmplifierSize(32, 48)
"""Overscans as wide as the real ones, or healthy amplifiers would look noisy."""

EVERY_KIND = {"bias": 6, "dark": 6, "flat": 6, "ptc": 12, "science": 4}
"""Frames of one night; of ptc, pairs."""

FIRST_NIGHT = 20261109
SECOND_NIGHT = 20261116


@dataclass(frozen=True)
class SmallObservatory:
    """A folder with a repository, raw files and their truth."""

    folder: Path
    plan: ObservatoryPlan
    nights: dict[int, list[Path]]
    """Raw files by day_obs, as they were before they were ingested."""

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def truth(self, detector: int) -> DetectorTruth:
        return load_truth(self.folder / "truth", detector)

    def copied_to(self, folder: Path) -> "SmallObservatory":
        """Copy everything, for a test that writes."""
        shutil.copytree(self.folder, folder)
        nights = {
            day: [folder / path.relative_to(self.folder) for path in paths]
            for day, paths in self.nights.items()
        }
        return dataclasses.replace(self, folder=folder, nights=nights)


def small_plan(
    *,
    detectors: Sequence[int] = (0, 1),
    frames: tuple[int, int] = (6, 2),
    size: AmplifierSize = SMALL_SIZE,
    faults: Sequence[AmplifierFault] = (),
    saturated_flat: int | None = None,
    kinds: Sequence[str] = ("bias", "dark", "flat"),
    seed: int = 1,
    **changes: object,
) -> ObservatoryPlan:
    """Plan two nights with so many frames of each type, without faults by default.

    A calibration of n frames makes what it is subtracted from sqrt(1 + 1/n) noisier:
    healthy amplifiers pass the noise test on the second night from n = 12 or so.
    """
    first, second = (dict.fromkeys(kinds, n) for n in frames)
    return ObservatoryPlan(
        seed=seed,
        detectors=tuple(detectors),
        size=size,
        nights=(Night(FIRST_NIGHT, first), Night(SECOND_NIGHT, second)),
        faults=tuple(faults),
        saturated_flat=saturated_flat,
        **changes,
    )


def every_kind_plan(
    *,
    detectors: Sequence[int] = (4,),
    frames: Mapping[str, int] | None = None,
    **changes: object,
) -> ObservatoryPlan:
    """Plan one night with all kinds of exposures and all effects switched on.

    Amplifiers have just enough pixels for a photon transfer curve.
    """
    plan = ObservatoryPlan(
        seed=1,
        detectors=tuple(detectors),
        size=AmplifierSize(80, 128),
        nights=(Night(FIRST_NIGHT, dict(frames or EVERY_KIND)),),
        physical_filter="y_04",
        faults=(),
        saturated_flat=None,
        photodiode=True,
        effects=full_effects(),
    )
    return dataclasses.replace(plan, **changes)


def build_small_observatory(
    folder: Path, plan: ObservatoryPlan | None = None, **options: object
) -> SmallObservatory:
    """Simulate a plan (see `small_plan` for the options), ingest all of it."""
    plan = plan or small_plan(**options)
    simulated = simulate_observatory(folder, plan)
    repository = make_repository(folder / "repository", plan.instrument)
    summary = ingest_raws(
        repository, [path for night in simulated.nights.values() for path in night]
    )
    if summary.bad_files:
        raise RuntimeError(f"The simulator wrote bad files: {summary.bad_files}")
    return SmallObservatory(folder, plan, simulated.nights)
