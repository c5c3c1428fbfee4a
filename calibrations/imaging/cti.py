"""Deferred charge: what a serial register leaves behind, and how it is put back.

NumPy in and out. Three effects, as Snyder and others (2021, JATIS 7, 048002) and
Rubin's ``deferredCharge.py`` have them, in the order charge meets them on its way out:

- *global CTI*: at each transfer the fraction b of a pixel stays behind;
- *serial trap*: near the output a trap takes f(s) electrons of a pixel of s and gives
  them back to the pixels that follow, as exp(−t/τ), t in transfers;
- *local offset* (output drift): a pixel of s leaves the output level high by A·s, which
  decays as exp(−t/τ_L); a larger offset hides smaller ones.

`calibrations.imaging.cti_fits` measures them from the overscan of flats.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from astropy.table import Column, Table

from calibrations.imaging.errors import ImageError

__all__ = [
    "DeferredCharge",
    "SerialTrap",
    "correct_deferred_charge",
    "deferred_charge_from_table",
    "deferred_charge_table",
]

VERSION = 1
OFFSET_REACH = 15
"""Pixels after which a local offset has decayed to nothing (τ_L is at most 4)."""

TRAP_REACH = 6
EMPTY_TRAP_SIZE_E = 20000.0
"""Capacity upstream gives a trap whose capture is a table: the table limits it."""


@dataclass(frozen=True, eq=False)
class SerialTrap:
    """A trap near the output of the serial register."""

    size_e: float = EMPTY_TRAP_SIZE_E
    """Most electrons it can hold."""

    emission_time: float = 0.4
    """Of the exponential release, in transfers."""

    type: str = "spline"
    """``linear`` (coefficient: fraction caught), ``logistic`` (midpoint, steepness) or
    ``spline``: nodes, then values, joined by straight lines in spite of the name."""

    coeffs: np.ndarray = field(default_factory=lambda: np.array([0.0, 10.0, 0.0, 0.0]))
    """In electrons; the default never catches anything."""

    def __post_init__(self) -> None:
        """Refuse what is no trap."""
        if not self.size_e >= 0 or not self.emission_time > 0:
            raise ImageError(
                f"A trap of {self.size_e} electrons that empties in "
                f"{self.emission_time} transfers cannot be."
            )
        wanted = {"linear": 1, "logistic": 2}.get(self.type, self.coeffs.size)
        if self.type not in ("linear", "logistic", "spline") or (
            self.coeffs.size != wanted or not np.isfinite(self.coeffs).all()
        ):
            raise ImageError(
                f"A {self.type} trap with coefficients {self.coeffs.tolist()} is "
                "unknown: linear (1), logistic (2) and spline (nodes, values) are."
            )
        nodes = self.coeffs[: self.coeffs.size // 2]
        if self.type == "spline" and (
            self.coeffs.size < 4 or self.coeffs.size % 2 or (np.diff(nodes) < 0).any()
        ):
            raise ImageError(
                "The capture of a trap needs at least two nodes, in ascending order, "
                "and as many values."
            )

    @property
    def is_empty(self) -> bool:
        """Whether it never catches anything."""
        if self.type == "spline":
            return not self.coeffs[self.coeffs.size // 2 :].any()
        return self.size_e == 0 or (self.type == "linear" and self.coeffs[0] == 0)

    def capture(self, signal_e: np.ndarray) -> np.ndarray:
        """Give the electrons caught from pixels of so many, any shape."""
        if self.type == "linear":
            caught = signal_e * self.coeffs[0]
        elif self.type == "logistic":
            midpoint, steepness = self.coeffs
            exponent = np.clip(-steepness * (signal_e - midpoint), -700.0, 700.0)
            caught = self.size_e / (1.0 + np.exp(exponent))
        else:
            nodes, values = np.split(self.coeffs, 2)
            caught = np.interp(signal_e, nodes, values)
        limited: np.ndarray = np.clip(caught, 0.0, self.size_e)
        return limited


def _nothing() -> np.ndarray:
    """Give an empty vector."""
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class DeferredCharge:
    """Deferred charge of one amplifier, and the measurements behind it."""

    amplifier: str
    drift_scale: float = 0.0
    """A of the local offset, dimensionless."""

    decay_time: float = 2.4
    """τ_L, in transfers."""

    global_cti: float = 0.0
    """b, of one transfer."""

    trap: SerialTrap = field(default_factory=SerialTrap)
    drift_scale_err: float = float("nan")
    decay_time_err: float = float("nan")
    global_cti_err: float = float("nan")
    signals_e: np.ndarray = field(default_factory=_nothing)
    """Mean of each flat, ascending."""

    serial_eper: np.ndarray = field(default_factory=_nothing)
    """Extended pixel edge response of each flat, a transfer."""

    parallel_eper: np.ndarray = field(default_factory=_nothing)
    serial_turnoff_e: float = float("nan")
    """Signal from which the serial response runs away."""

    serial_turnoff_err_e: float = float("nan")
    parallel_turnoff_e: float = float("nan")
    parallel_turnoff_err_e: float = float("nan")
    input_gain: float = 1.0
    """Electrons per ADU with which it was measured."""

    drift_chi_squared: float = float("nan")
    """Reduced, of the fit of the local offset."""

    valid: bool = True
    reason: str = ""
    """Why it is not valid; nothing is corrected then."""


def correct_deferred_charge(
    segment_e: np.ndarray,
    charge: DeferredCharge,
    *,
    offset_reach: int = OFFSET_REACH,
    trap_reach: int = TRAP_REACH,
) -> np.ndarray:
    """Put deferred charge back where it came from.

    The inverse of the three effects, last first: local offset (equation 10 of Snyder
    and others), trap (equation 13), and the global loss to second order of b, which
    upstream leaves in the image.

    Parameters
    ----------
    segment_e
        A whole segment in readout order, shape (ny, nx), in electrons, overscan
        subtracted: column 0 is the first pixel read, prescan included, so a column's
        number is the transfers its charge has seen.
    charge
        Of this amplifier; one that is not valid corrects nothing.
    offset_reach, trap_reach
        Preceding pixels looked at.

    Returns
    -------
    numpy.ndarray
        Same shape, float32. A NaN stays and counts as an empty pixel for those after.
    """
    segment = np.ascontiguousarray(segment_e, dtype=np.float64)
    if segment.ndim != 2:
        raise ImageError(
            f"A segment has rows and columns, not the shape {segment.shape}."
        )
    if charge.valid:
        if charge.drift_scale > 0:
            decay = np.exp(-1.0 / charge.decay_time)
            segment = _remove_offset(segment, charge.drift_scale, decay, offset_reach)
        if not charge.trap.is_empty:
            caught = charge.trap.capture(np.maximum(np.nan_to_num(segment), 0.0))
            kept = np.exp(-1.0 / charge.trap.emission_time)
            segment = _empty_trap(
                segment, caught, kept, 1.0 - charge.global_cti, trap_reach
            )
        if charge.global_cti > 0:
            segment = _undo_transfers(segment, charge.global_cti)
    return segment.astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _remove_offset(segment: Any, scale: float, decay: float, reach: int) -> Any:
    """Subtract the largest offset that any of the last ``reach`` pixels left."""
    ny, nx = segment.shape
    result = np.empty_like(segment)
    for y in range(ny):
        for x in range(nx):
            offset = 0.0
            weight = scale
            for j in range(min(reach, x + 1)):
                value = segment[y, x - j] * weight
                if value > offset:
                    offset = value
                weight *= decay
            result[y, x] = segment[y, x] - offset
    return result


@numba.njit(cache=True, nogil=True)
def _empty_trap(
    segment: Any, caught: Any, kept: float, transferred: float, reach: int
) -> Any:
    """Give each pixel what the trap took of it, and take what it was given."""
    ny, nx = segment.shape
    result = np.empty_like(segment)
    for y in range(ny):
        for x in range(nx):
            occupancy = 0.0
            weight = 1.0
            for j in range(min(reach, x)):
                value = caught[y, x - 1 - j] * weight
                if value > occupancy:
                    occupancy = value
                weight *= kept
            taken = max(caught[y, x] - occupancy * kept, 0.0)
            given = occupancy * (1.0 - kept)
            result[y, x] = segment[y, x] - transferred * (given - taken)
    return result


@numba.njit(cache=True, nogil=True)
def _undo_transfers(segment: Any, b: float) -> Any:
    """Undo proportional loss, pixel after pixel.

    Sample x holds C(x, k) b^k (1 − b)^(x−k+1) of the charge k pixels ahead of it.
    """
    ny, nx = segment.shape
    result = np.empty_like(segment)
    for y in range(ny):
        last, before = 0.0, 0.0
        for x in range(nx):
            own = (1.0 - b) ** (x + 1)
            ratio = b / (1.0 - b)
            late = own * ratio * x * (last + 0.5 * ratio * (x - 1) * before)
            value = (segment[y, x] - late) / own
            result[y, x] = value
            before = last
            last = 0.0 if np.isnan(value) else value
    return result


_NUMBERS: Mapping[str, tuple[str, str]] = {
    "DRIFT_SCALE": ("drift_scale", ""),
    "DRIFT_SCALE_ERR": ("drift_scale_err", ""),
    "DECAY_TIME": ("decay_time", ""),
    "DECAY_TIME_ERR": ("decay_time_err", ""),
    "GLOBAL_CTI": ("global_cti", ""),
    "GLOBAL_CTI_ERR": ("global_cti_err", ""),
    "SERIAL_CTI_TURNOFF": ("serial_turnoff_e", "electron"),
    "SERIAL_CTI_TURNOFF_SAMPLING_ERR": ("serial_turnoff_err_e", "electron"),
    "PARALLEL_CTI_TURNOFF": ("parallel_turnoff_e", "electron"),
    "PARALLEL_CTI_TURNOFF_SAMPLING_ERR": ("parallel_turnoff_err_e", "electron"),
    "INPUT_GAIN": ("input_gain", "electron/adu"),
    "DRIFT_CHI_SQUARED": ("drift_chi_squared", ""),
}
_VECTORS: Mapping[str, tuple[str, str]] = {
    "SIGNALS": ("signals_e", "electron"),
    "SERIAL_EPER": ("serial_eper", ""),
    "PARALLEL_EPER": ("parallel_eper", ""),
}


def deferred_charge_table(
    charges: Iterable[DeferredCharge], meta: Mapping[str, Any] | None = None
) -> Table:
    """Write the deferred charge of a detector, one row for each amplifier."""
    rows = list(charges)
    table = Table()
    table["AMPLIFIER_NAME"] = [one.amplifier for one in rows]
    for name, (attribute, unit) in _NUMBERS.items():
        values = [float(getattr(one, attribute)) for one in rows]
        table[name] = Column(values, unit=unit or None)
    table["TRAP_SIZE"] = Column([one.trap.size_e for one in rows], unit="electron")
    table["TRAP_EMISSION_TIME"] = [one.trap.emission_time for one in rows]
    table["TRAP_TYPE"] = [one.trap.type for one in rows]
    table["TRAP_COEFFS"] = _padded([one.trap.coeffs for one in rows])
    for name, (attribute, unit) in _VECTORS.items():
        vectors = _padded([getattr(one, attribute) for one in rows])
        table[name] = Column(vectors, unit=unit or None)
    table["N_SIGNALS"] = [one.signals_e.size for one in rows]
    table["VALID"] = [one.valid for one in rows]
    table["REASON"] = [one.reason for one in rows]
    table.meta |= {"OBSTYPE": "cti", "VERSION": VERSION, **(meta or {})}
    return table


def deferred_charge_from_table(table: Table) -> dict[str, DeferredCharge]:
    """Read what `deferred_charge_table` wrote, by amplifier."""
    wanted = {"AMPLIFIER_NAME", *_NUMBERS, *_VECTORS, "TRAP_COEFFS"}
    if missing := sorted(wanted - set(table.colnames)):
        raise ImageError(f"This table is no CTI: it lacks {', '.join(missing)}.")
    return {str(row["AMPLIFIER_NAME"]): _from_row(row) for row in table}


def _from_row(row: Any) -> DeferredCharge:
    """Read one row, dropping the padding."""
    coeffs = np.asarray(row["TRAP_COEFFS"], float)
    n_signals = int(row["N_SIGNALS"])
    values: dict[str, Any] = {
        attribute: float(row[name]) for name, (attribute, _) in _NUMBERS.items()
    }
    values |= {
        attribute: np.asarray(row[name], float)[:n_signals]
        for name, (attribute, _) in _VECTORS.items()
    }
    trap = SerialTrap(
        size_e=float(row["TRAP_SIZE"]),
        emission_time=float(row["TRAP_EMISSION_TIME"]),
        type=str(row["TRAP_TYPE"]),
        coeffs=coeffs[np.isfinite(coeffs)],
    )
    return DeferredCharge(
        amplifier=str(row["AMPLIFIER_NAME"]),
        trap=trap,
        valid=bool(row["VALID"]),
        reason=str(row["REASON"]),
        **values,
    )


def _padded(vectors: list[np.ndarray]) -> np.ndarray:
    """Make one array of vectors, padded with NaN; at least one column wide."""
    width = max(1, *(vector.size for vector in vectors)) if vectors else 1
    rows = [np.pad(v, (0, width - v.size), constant_values=np.nan) for v in vectors]
    return np.array(rows).reshape(len(rows), width)
