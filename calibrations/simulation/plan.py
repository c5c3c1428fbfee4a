"""What the demo observatory takes: sizes, nights, exposures, planted faults.

Plain Python. A plan fixes every file to the byte: the same plan gives the same nights.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from astropy.time import Time, TimeDelta

from calibrations.domain.cameras import Detector, SegmentLayout
from calibrations.simulation.effects import NO_EFFECTS, Effects
from taxicab.errors import InputError

__all__ = [
    "DEMO_SIZE",
    "FULL_SIZE",
    "SMALLEST_SIZE",
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

EXPOSURE_TIME_S: Mapping[str, float] = {
    "bias": 0.0,
    "dark": 30.0,
    "flat": 2.0,
    "science": 30.0,
}
MIN_PTC_STEP_S = 0.02

IMAGE_TYPES = {"ptc": "flat", "science": "object"}
"""What the header calls kinds that it has another word for."""


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

    def layout(self, detector: Detector) -> SegmentLayout:
        """Lay out a detector's segments.

        At full size they are what the maker's are; smaller ones keep the prescan of
        a maker other than ITL.
        """
        if self == FULL_SIZE:
            return detector.layout
        other = detector.vendor != "ITL"
        prescan = detector.layout.serial_prescan if other else self.prescan
        return SegmentLayout(
            self.nx, self.ny, prescan, self.serial_overscan, self.parallel_overscan
        )

    def shape(self, detector: Detector) -> tuple[int, int]:
        """Rows and columns of an assembled detector; a wavefront half has one row."""
        layout = self.layout(detector)
        rows = len(detector.amplifiers) // 8
        return rows * layout.data_rows, 8 * layout.data_columns


DEMO_SIZE = AmplifierSize(64, 128)
FULL_SIZE = AmplifierSize(2000, 509)
SMALLEST_SIZE = AmplifierSize(16, 32, serial_overscan=32, parallel_overscan=16)
"""For a camera of 205 detectors."""


@dataclass(frozen=True)
class Night:
    """One observing day and how many frames of each type it has."""

    day_obs: int
    frames: Mapping[str, int]
    """By kind: bias, dark, flat, science, and ptc, of which each is a *pair*. A filter
    other than the plan's follows the kind after a space, as in ``flat y_04``."""


@dataclass(frozen=True)
class AmplifierFault:
    """An amplifier whose read noise is not what the camera model says."""

    detector: int
    amplifier: str
    noise_ratio: float
    """True read noise over the nominal one; healthy amplifiers have the plan's."""

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

    noise_ratio: tuple[float, float] = (0.90, 0.92)
    """True read noise of healthy amplifiers over what the camera model says."""

    faults: tuple[AmplifierFault, ...] = DEMO_FAULTS
    saturated_flat: int | None = 6
    """Which flat of the first night has its light left on; None for none."""

    saturated_ratio: float = 8.0
    ptc_levels_e: tuple[float, float] = (300.0, 110000.0)
    """Faintest and brightest pair; the others lie between, half of them evenly in
    their logarithm and half evenly in themselves."""

    ptc_rate_e_per_s: float = 5000.0
    """Light of the lamp on these: their time gives their level."""

    ptc_fluctuation: float = 0.001
    sky_level_e: float = 3000.0
    """Of science exposures."""

    photodiode: bool = False
    """Whether a file of the diode's readings is written for every flat."""

    photodiode_noise: float = 2e-4
    """Relative error of the charge that the diode's readings add up to."""

    effects: Effects = NO_EFFECTS
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
    """One of bias, dark, flat, ptc, science."""

    begin_tai: Time
    exposure_time_s: float
    dark_time_s: float
    light_ratio: float = field(default=1.0)
    """Light beyond what was asked for: 1 unless a fault is planted."""

    physical_filter: str = ""
    """Empty: the plan's."""

    level_e: float = 0.0
    """Light asked for on a pixel of response 1; sky in science exposures."""

    @property
    def id(self) -> int:
        """Exposure id."""
        return self.day_obs * 100000 + self.seq_num

    @property
    def image_type(self) -> str:
        """What the header's IMGTYPE says, in lower case."""
        return IMAGE_TYPES.get(self.kind, self.kind)


def list_exposures(plan: ObservatoryPlan) -> list[PlannedExposure]:
    """List every exposure of a plan in the order of time."""
    exposures = []
    for night in plan.nights:
        day = str(night.day_obs)
        # Calibrations are taken in the afternoon, before the dome opens.
        clock = Time(f"{day[:4]}-{day[4:6]}-{day[6:]}T18:00:00", scale="tai")
        for seq_num, frame in enumerate(_frames(plan, night), start=1):
            kind, physical_filter, number, time_s = frame
            dark_time_s = time_s + DARK_OVERHEAD_S
            saturated = (
                kind == "flat"
                and night == plan.nights[0]
                and number == plan.saturated_flat
            )
            exposures.append(
                PlannedExposure(
                    night.day_obs,
                    seq_num,
                    kind,
                    clock,
                    time_s,
                    dark_time_s,
                    plan.saturated_ratio if saturated else 1.0,
                    physical_filter,
                    _level_e(plan, kind, time_s),
                )
            )
            clock = clock + TimeDelta(dark_time_s + READOUT_S, format="sec")
    return exposures


def ptc_times_s(plan: ObservatoryPlan, n_pairs: int) -> list[float]:
    """Give the exposure time of each pair, in whole milliseconds, ascending."""
    low, high = (level / plan.ptc_rate_e_per_s for level in plan.ptc_levels_e)
    n_even = n_pairs // 2
    n_log = n_pairs - n_even
    ratio = (high / low) ** (1.0 / max(n_log - 1, 1))
    # Even steps begin half a step up, or they would meet the others at the ends.
    step = (high - low) / max(n_even, 1)
    times = [low * ratio**i for i in range(n_log)]
    times += [low + (i + 0.5) * step for i in range(n_even)]
    apart: list[float] = []
    for time in sorted(times):
        # Pairs are told apart by their time, to 5 ms.
        earliest = apart[-1] + MIN_PTC_STEP_S if apart else 0.0
        apart.append(round(max(time, earliest), 3))
    return apart


def _frames(
    plan: ObservatoryPlan, night: Night
) -> Iterator[tuple[str, str, int, float]]:
    """Give kind, filter, number among its kind, and time of each frame."""
    for key, n in night.frames.items():
        kind, _, physical_filter = key.partition(" ")
        if kind == "ptc":
            times = [time for time in ptc_times_s(plan, n) for _ in range(2)]
        elif kind in EXPOSURE_TIME_S:
            times = [EXPOSURE_TIME_S[kind]] * n
        else:
            raise InputError(
                f"A night cannot have {key!r}: kinds are ptc, "
                f"{', '.join(EXPOSURE_TIME_S)}."
            )
        for number, time in enumerate(times):
            yield kind, physical_filter, number, time


def _level_e(plan: ObservatoryPlan, kind: str, exposure_time_s: float) -> float:
    if kind == "ptc":
        return plan.ptc_rate_e_per_s * exposure_time_s
    return {"flat": plan.flat_level_e, "science": plan.sky_level_e}.get(kind, 0.0)
