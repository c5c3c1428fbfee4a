"""What the demo observatory takes: sizes, nights, exposures, planted faults.

Plain Python. A plan fixes every file to the byte: the same plan gives the same nights.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from astropy.time import Time, TimeDelta

__all__ = [
    "DEMO_SIZE",
    "FULL_SIZE",
    "AmplifierFault",
    "AmplifierSize",
    "Night",
    "ObservatoryPlan",
    "PlannedExposure",
    "list_exposures",
]

READOUT_S = 2.4
DARK_OVERHEAD_S = 0.4
"""Time the pixels collect dark current beyond the exposure."""

EXPOSURE_TIME_S: Mapping[str, float] = {"bias": 0.0, "dark": 30.0, "flat": 2.0}


@dataclass(frozen=True)
class AmplifierSize:
    """Pixels of one amplifier; ITL's prescan and overscans unless said otherwise.

    Overscans are as wide as the real ones even where the light-sensitive region is
    small: a level found from few pixels would add its own noise to every row.
    """

    ny: int
    nx: int
    prescan: int = 3
    serial_overscan: int = 64
    parallel_overscan: int = 48

    @property
    def raw_shape(self) -> tuple[int, int]:
        """Rows and columns as read out."""
        columns = self.prescan + self.nx + self.serial_overscan
        return self.ny + self.parallel_overscan, columns

    @property
    def detector_shape(self) -> tuple[int, int]:
        """Rows and columns of the assembled detector of 2 by 8 amplifiers."""
        return 2 * self.ny, 8 * self.nx


DEMO_SIZE = AmplifierSize(64, 128)
FULL_SIZE = AmplifierSize(2000, 509)


@dataclass(frozen=True)
class Night:
    """One observing day and how many frames of each type it has."""

    day_obs: int
    frames: Mapping[str, int]


@dataclass(frozen=True)
class AmplifierFault:
    """An amplifier whose read noise is not what the camera model says."""

    detector: int
    amplifier: str
    noise_ratio: float
    """True read noise over the nominal one; healthy amplifiers have 0.90 to 0.92."""

    from_day_obs: int = 0
    """First day on which it is so."""


CONSTRUCTION = Night(20261109, {"bias": 15, "dark": 15, "flat": 15})
VERIFICATION = Night(20261116, {"bias": 4, "dark": 4, "flat": 4})

DEMO_FAULTS = (
    # The noise of this one has grown by 1.3 by the second night.
    AmplifierFault(4, "C03", 1.18, from_day_obs=20261116),
    # A frame minus a bias of 15 frames is 3 % noisier than the amplifier, and the
    # overscan adds as much: this one ends some per cent beyond the 5 % limit.
    AmplifierFault(7, "C15", 1.0),
)


@dataclass(frozen=True)
class ObservatoryPlan:
    """Everything that determines the simulated files."""

    seed: int = 20261109
    instrument: str = "LSSTComCam"
    detectors: tuple[int, ...] = tuple(range(9))
    size: AmplifierSize = DEMO_SIZE
    nights: tuple[Night, ...] = (CONSTRUCTION, VERIFICATION)
    physical_filter: str = "r_03"
    flat_level_e: float = 50000.0
    flat_fluctuation: float = 0.02
    """Relative scatter of the light from flat to flat."""

    faults: tuple[AmplifierFault, ...] = DEMO_FAULTS
    saturated_flat: int | None = 6
    """Which flat of the first night has its light left on; None for none."""

    saturated_ratio: float = 8.0
    compressed: bool = False
    """Rice compression, as the camera's files have; slower to write and read."""

    def as_dict(self) -> dict[str, Any]:
        """Give the plan as plain values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class PlannedExposure:
    """One exposure of the whole camera."""

    day_obs: int
    seq_num: int
    kind: str
    """One of bias, dark, flat."""

    begin_tai: Time
    exposure_time_s: float
    dark_time_s: float
    light_ratio: float = field(default=1.0)
    """Light beyond what was asked for: 1 unless a fault is planted."""

    @property
    def id(self) -> int:
        """Exposure id."""
        return self.day_obs * 100000 + self.seq_num


def list_exposures(plan: ObservatoryPlan) -> list[PlannedExposure]:
    """List every exposure of a plan in the order of time."""
    exposures = []
    for night in plan.nights:
        day = str(night.day_obs)
        # Calibrations are taken in the afternoon, before the dome opens.
        clock = Time(f"{day[:4]}-{day[4:6]}-{day[6:]}T18:00:00", scale="tai")
        kinds = [kind for kind, n in night.frames.items() for _ in range(n)]
        for seq_num, kind in enumerate(kinds, start=1):
            first = kinds.index(kind) + 1
            saturated = (
                kind == "flat"
                and night == plan.nights[0]
                and seq_num - first == plan.saturated_flat
            )
            exposure_time_s = EXPOSURE_TIME_S[kind]
            dark_time_s = exposure_time_s + DARK_OVERHEAD_S
            exposures.append(
                PlannedExposure(
                    night.day_obs,
                    seq_num,
                    kind,
                    clock,
                    exposure_time_s,
                    dark_time_s,
                    plan.saturated_ratio if saturated else 1.0,
                )
            )
            clock = clock + TimeDelta(dark_time_s + READOUT_S, format="sec")
    return exposures
