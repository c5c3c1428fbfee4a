"""Light as a photodiode saw it: its readings, and the charge they add up to.

NumPy in, NumPy out. Methods and thresholds are those of ip_isr's PhotodiodeCalib; what
differs is the sign, which follows from the readings unless it is given: electrometers
have been wired both ways.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from astropy import units as u
from astropy.stats import sigma_clipped_stats
from astropy.table import Table

from calibrations.imaging.errors import ImageError

__all__ = ["IntegrationMethod", "PhotodiodeReadings", "integrate_charge"]

LOW_FRACTION = 0.2
"""Of the range of currents: what is below belongs to the baseline (TRIMMED_SUM)."""

SIGNAL_FRACTION = 0.05
"""Of the range of currents: what is above belongs to the signal (CHARGE_SUM)."""

RAMP_SAMPLES = 2
"""Left out of the baseline on either side of the signal, which rises and falls."""


MAX_FIRST = 10
"""First readings that tell the dark level, at most: of a long exposure a twentieth of
the readings may reach into the light, and the sign would turn."""


class IntegrationMethod(StrEnum):
    """How readings become a charge."""

    DIRECT_SUM = "DIRECT_SUM"
    """Trapezoids under the current."""

    TRIMMED_SUM = "TRIMMED_SUM"
    """The same after subtraction of the current while the light was off."""

    CHARGE_SUM = "CHARGE_SUM"
    """Readings are charges gathered since the one before."""

    MEAN = "MEAN"
    """Mean current times the exposure time."""


@dataclass(frozen=True, eq=False)
class PhotodiodeReadings:
    """Readings of one exposure."""

    time_s: np.ndarray
    """From the first reading, ascending, shape (n,)."""

    current_a: np.ndarray
    """Same shape, in amperes; in coulombs where the meter integrates by itself."""

    meta: dict[str, Any] = field(default_factory=dict)
    """Where they are from and to which exposure they belong."""

    def __post_init__(self) -> None:
        """Refuse what is no series of readings."""
        for name in ("time_s", "current_a"):
            value = np.asarray(getattr(self, name), dtype=float).ravel()
            object.__setattr__(self, name, value)
        if self.time_s.shape != self.current_a.shape:
            raise ImageError(
                f"There are {self.time_s.size} times and {self.current_a.size} "
                f"photodiode readings."
            )
        if self.time_s.size < 2:
            raise ImageError(
                f"{self.time_s.size} photodiode readings give no charge: at least two "
                f"are needed."
            )
        if not (np.isfinite(self.time_s).all() and np.isfinite(self.current_a).all()):
            raise ImageError("Photodiode readings or their times are not numbers.")
        if (np.diff(self.time_s) <= 0).any():
            raise ImageError("The times of photodiode readings do not ascend.")

    def to_table(self) -> Table:
        """Give a row for each reading."""
        columns = {"TIME": self.time_s * u.s, "CURRENT": self.current_a * u.A}
        return Table(columns, meta={"kind": "photodiode", "version": 1, **self.meta})

    @classmethod
    def from_table(cls, table: Table) -> "PhotodiodeReadings":
        """Read what `to_table` wrote."""
        own = {"kind", "version"}
        meta = {key: value for key, value in table.meta.items() if key not in own}
        return cls(np.asarray(table["TIME"]), np.asarray(table["CURRENT"]), meta)


def integrate_charge(
    readings: PhotodiodeReadings,
    method: IntegrationMethod | str = IntegrationMethod.TRIMMED_SUM,
    *,
    exposure_time_s: float | None = None,
    current_scale: float | None = None,
) -> float:
    """Add up the charge of one exposure.

    Parameters
    ----------
    readings
        Currents, or charges for CHARGE_SUM.
    method
        See `IntegrationMethod`.
    exposure_time_s
        Needed by MEAN alone.
    current_scale
        Factor of every reading; by default 1 or -1, so that light is positive. Rubin's
        pipelines have -1 fixed.

    Returns
    -------
    float
        Charge in coulombs.

    Raises
    ------
    ImageError
        If there is no baseline or no signal to tell apart, or no exposure time.
    """
    method = IntegrationMethod(method)
    scale = _find_sign(readings, method) if current_scale is None else current_scale
    time_s, current = readings.time_s, scale * readings.current_a
    if method is IntegrationMethod.DIRECT_SUM:
        return float(np.trapezoid(current, time_s))
    if method is IntegrationMethod.TRIMMED_SUM:
        return _trimmed_sum(time_s, current)
    if method is IntegrationMethod.CHARGE_SUM:
        return _charge_sum(time_s, current)
    if exposure_time_s is None:
        raise ImageError("The method MEAN needs the exposure time.")
    return float(current.mean() * exposure_time_s)


def _find_sign(readings: PhotodiodeReadings, method: IntegrationMethod) -> float:
    """Give 1 where light makes readings larger, else -1.

    Where readings stray farthest from the first of them, the light was on: it goes on
    after the readings began. Without a baseline (MEAN, DIRECT_SUM) the sign is that of
    their sum.
    """
    values = readings.current_a
    if method in (IntegrationMethod.TRIMMED_SUM, IntegrationMethod.CHARGE_SUM):
        values = values - np.median(values[: np.clip(values.size // 20, 1, MAX_FIRST)])
        return 1.0 if values.max() >= -values.min() else -1.0
    return 1.0 if values.sum() >= 0 else -1.0


def _trimmed_sum(time_s: np.ndarray, current: np.ndarray) -> float:
    low, high = current.min(), current.max()
    off = current < low + LOW_FRACTION * (high - low)
    if not off.any():
        raise ImageError("All photodiode readings are equal: no light was seen.")
    baseline = sigma_clipped_stats(current[off])[0]
    return float(np.trapezoid(current - baseline, time_s))


def _charge_sum(time_s: np.ndarray, charge: np.ndarray) -> float:
    # A reading is what came since the one before; the first has none before it.
    interval_s, charge = np.diff(time_s), charge[1:]
    current = charge / interval_s
    low, high = current.min(), current.max()
    (signal,) = np.nonzero(current > low + SIGNAL_FRACTION * (high - low))
    if not signal.size:
        raise ImageError("All photodiode readings are equal: no light was seen.")
    off = np.ones(current.size, dtype=bool)
    first = max(signal[0] - RAMP_SAMPLES, 0)
    off[first : signal[-1] + RAMP_SAMPLES] = False
    if not off.any():
        raise ImageError(
            "The light was on during all photodiode readings: there is no baseline."
        )
    background_a = charge[off].sum() / interval_s[off].sum()
    return float((charge - background_a * interval_s).sum())
