"""Linearizers: from counts as read to counts proportional to light. NumPy in and out.

A linearizer belongs to one amplifier and is applied to counts above the overscan. The
kinds, what they store and how it is applied are those of Rubin's ``linearize.py``;
`calibrations.imaging.linearity_fits` measures them.

=============  =======================================  ==========================
kind           ``coeffs``                               result
=============  =======================================  ==========================
None           (none)                                   as it came
Proportional   (none)                                   as it came
Squared        c0                                       in + c0 in²
Polynomial     c0, c1, …                                in + Σ c_i in^(i + 2)
LookupTable    (none; ``table``)                        in + table[in]
Spline         nodes, values                            in − S(in), Akima
DoubleSpline   n1, n2, nodes1, values1, nodes2,         one spline after the other
               values2
=============  =======================================  ==========================
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numba
import numpy as np
from astropy.table import Column, Table
from scipy.interpolate import Akima1DInterpolator

from calibrations.imaging.errors import ImageError

__all__ = [
    "LinearityType",
    "Linearizer",
    "join_double_spline",
    "linearizer_table",
    "linearizers_from_table",
]

VERSION = 1
MINIMUM_NODES = 3
"""Fewer do not make an Akima spline."""


class LinearityType(StrEnum):
    """How a linearizer corrects."""

    NONE = "None"
    PROPORTIONAL = "Proportional"
    SQUARED = "Squared"
    POLYNOMIAL = "Polynomial"
    LOOKUP_TABLE = "LookupTable"
    SPLINE = "Spline"
    DOUBLE_SPLINE = "DoubleSpline"


def _nothing() -> np.ndarray:
    """Give an empty vector."""
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Linearizer:
    """The linearizer of one amplifier, and how well it was measured."""

    amplifier: str
    type: LinearityType
    coeffs: np.ndarray = field(default_factory=_nothing)
    """What the kind stores, in powers of ADU; see the module."""

    table: np.ndarray = field(default_factory=_nothing)
    """LookupTable only: what is added at each whole ADU from 0, in ADU."""

    turnoff_adu: float = float("nan")
    """Largest signal whose residual is within the limit (1 %)."""

    max_signal_adu: float = float("nan")
    """Largest signal that was used."""

    fit_params: np.ndarray = field(default_factory=_nothing)
    fit_params_err: np.ndarray = field(default_factory=_nothing)
    fit_chi_squared: float = float("nan")
    """Reduced, of relative residuals over their own scatter."""

    linear_fit: np.ndarray = field(default_factory=lambda: np.full(2, np.nan))
    """Offset (ADU) and slope (ADU a unit of light) of the linear range."""

    exposures: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """First exposure of each pair that was measured."""

    signals_adu: np.ndarray = field(default_factory=_nothing)
    """Mean of each pair."""

    abscissae: np.ndarray = field(default_factory=_nothing)
    """Light of each pair: exposure time (s) or photodiode charge."""

    residuals: np.ndarray = field(default_factory=_nothing)
    """Relative residual of each pair after correction; NaN for one not used."""

    used: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    """Whether the pair took part in the fit."""

    valid: bool = True
    reason: str = ""
    """Why it is not valid; an invalid linearizer turns pixels into NaN."""

    def linearize(self, image_adu: np.ndarray) -> np.ndarray:
        """Correct counts for non-linearity.

        Parameters
        ----------
        image_adu
            Counts above the overscan, any shape, in ADU. Whole segments and parts of
            them give the same result.

        Returns
        -------
        numpy.ndarray
            Same shape, float32, in ADU. Beyond the ends of a spline or a table its
            end value is taken; NaN where the input is, and everywhere if the
            linearizer is not valid, so that nobody takes counts for corrected.
        """
        image = np.asarray(image_adu, dtype=np.float32)
        if not self.valid:
            return np.full_like(image, np.nan)
        return self._correct(image)

    def _correct(self, image: np.ndarray) -> np.ndarray:
        """Apply the kind at hand."""
        if self.type in (LinearityType.NONE, LinearityType.PROPORTIONAL):
            return image.copy()
        if self.type in (LinearityType.SQUARED, LinearityType.POLYNOMIAL):
            # Horner's scheme: the same number for a segment and for a pixel alone.
            factor = np.zeros_like(image)
            for coefficient in self.coeffs[::-1]:
                factor = (factor + np.float32(coefficient)) * image
            corrected: np.ndarray = image + factor * image
            return corrected
        if self.type == LinearityType.LOOKUP_TABLE:
            return _look_up(image, self.table)
        for nodes, values in self.splines():
            image = _subtract_spline(image, nodes, values)
        return image

    def splines(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Give nodes and values (ADU) of the splines, in the order of application."""
        if self.type == LinearityType.SPLINE:
            nodes, values = np.split(self.coeffs, 2)
            return [(nodes, values)]
        if self.type == LinearityType.DOUBLE_SPLINE:
            return split_double_spline(self.coeffs)
        return []

    def __post_init__(self) -> None:
        """Refuse what cannot be applied."""
        if not self.valid:
            return
        what = f"The {self.type} linearizer of amplifier {self.amplifier}"
        if not np.isfinite(self.coeffs).all() or not np.isfinite(self.table).all():
            raise ImageError(f"{what} has coefficients that are not numbers.")
        if self.type == LinearityType.SQUARED and self.coeffs.size != 1:
            raise ImageError(f"{what} needs 1 coefficient, not {self.coeffs.size}.")
        if self.type == LinearityType.LOOKUP_TABLE and not self.table.size:
            raise ImageError(f"{what} has an empty table.")
        if self.type == LinearityType.SPLINE and self.coeffs.size % 2:
            raise ImageError(
                f"{what} has {self.coeffs.size} coefficients: nodes and values must be "
                "equally many."
            )
        for nodes, values in self.splines():
            if nodes.size < MINIMUM_NODES or nodes.size != values.size:
                raise ImageError(
                    f"{what} has {nodes.size} nodes and {values.size} values; a spline "
                    f"needs at least {MINIMUM_NODES} of each."
                )
            if not (np.diff(nodes) > 0).all():
                raise ImageError(f"{what} has nodes that do not ascend.")

    @staticmethod
    def from_table(table: Table) -> "dict[str, Linearizer]":
        """Read the linearizers of a detector; see `linearizers_from_table`."""
        return linearizers_from_table(table)


def split_double_spline(coeffs: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Take a double spline's coefficients apart; a spline without nodes is skipped."""
    if coeffs.size < 2:
        raise ImageError("A double spline begins with the numbers of its nodes.")
    counts = [int(coeffs[0]), int(coeffs[1])]
    if coeffs.size != 2 + 2 * sum(counts):
        raise ImageError(
            f"A double spline of {counts[0]} and {counts[1]} nodes has "
            f"{2 + 2 * sum(counts)} coefficients, not {coeffs.size}."
        )
    splines, start = [], 2
    for count in counts:
        if count:
            nodes = coeffs[start : start + count]
            splines.append((nodes, coeffs[start + count : start + 2 * count]))
        start += 2 * count
    return splines


def join_double_spline(
    relative: tuple[np.ndarray, np.ndarray] | None,
    absolute: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    """Write two splines, (nodes, values) each, as a double spline's coefficients."""
    empty = (_nothing(), _nothing())
    parts = [empty if one is None else one for one in (relative, absolute)]
    counts = [float(nodes.size) for nodes, _ in parts]
    return np.concatenate([counts, *(vector for pair in parts for vector in pair)])


def _look_up(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Add the table's value at the nearest whole ADU."""
    nearest = np.rint(np.nan_to_num(image, nan=0.0, posinf=table.size, neginf=0.0))
    index = np.clip(nearest, 0, table.size - 1).astype(np.intp)
    corrected: np.ndarray = image + table.astype(np.float32)[index]
    return corrected


def _subtract_spline(
    image: np.ndarray, nodes: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Subtract an Akima spline; it is anchored at (0, 0), as upstream's is."""
    nodes, values = anchored(nodes, values)
    spline = Akima1DInterpolator(nodes, values)
    flat = np.ascontiguousarray(image).reshape(-1)
    corrected = _evaluate(flat, nodes, np.ascontiguousarray(spline.c))
    result: np.ndarray = corrected.reshape(image.shape)
    return result


def anchored(nodes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make a spline pass through (0, 0): without that it would add a level."""
    values = values - values[0]
    if nodes[0] != 0:
        nodes = np.concatenate([[0.0], nodes])
        values = np.concatenate([[0.0], values])
    return np.ascontiguousarray(nodes, dtype=float), np.ascontiguousarray(
        values, dtype=float
    )


@numba.njit(cache=True, nogil=True)
def _evaluate(image: Any, nodes: Any, cubic: Any) -> Any:
    """Subtract piecewise cubics, pixel by pixel; the ends' values beyond the ends."""
    result = np.empty_like(image)
    last = nodes.size - 1
    for i in range(image.size):
        value = image[i]
        if np.isnan(value):
            result[i] = value
            continue
        x = min(max(value, nodes[0]), nodes[last])
        low, high = 0, last
        while high - low > 1:
            middle = (low + high) // 2
            if nodes[middle] <= x:
                low = middle
            else:
                high = middle
        d = x - nodes[low]
        correction = (
            (cubic[0, low] * d + cubic[1, low]) * d + cubic[2, low]
        ) * d + cubic[3, low]
        result[i] = value - correction
    return result


_VECTORS: Mapping[str, tuple[str, str]] = {
    "COEFFS": ("coeffs", ""),
    "TABLE": ("table", "adu"),
    "FIT_PARAMS": ("fit_params", ""),
    "FIT_PARAMS_ERR": ("fit_params_err", ""),
    "LINEAR_FIT": ("linear_fit", ""),
    "RAW_MEANS": ("signals_adu", "adu"),
    "ABSCISSAE": ("abscissae", ""),
    "FIT_RESIDUALS": ("residuals", ""),
}
"""Columns of vectors: the attribute and its unit; padded with NaN to one length."""


def linearizer_table(
    linearizers: Iterable[Linearizer], meta: Mapping[str, Any] | None = None
) -> Table:
    """Write the linearizers of a detector as a table, one row for each amplifier.

    Parameters
    ----------
    linearizers
        In the order of the raw file's amplifiers.
    meta
        Plain values that are kept with it, such as gains' source.
    """
    rows = list(linearizers)
    table = Table()
    table["AMPLIFIER_NAME"] = [one.amplifier for one in rows]
    table["TYPE"] = [one.type.value for one in rows]
    for name, (attribute, unit) in _VECTORS.items():
        table[name] = Column(
            _padded([np.asarray(getattr(one, attribute), float) for one in rows]),
            unit=unit or None,
        )
    table["INPUT_EXP_IDS"] = _padded_ids([one.exposures for one in rows])
    table["USED"] = _padded([one.used.astype(float) for one in rows]) == 1
    table["LINEARITY_TURNOFF"] = Column([one.turnoff_adu for one in rows], unit="adu")
    table["LINEARITY_MAX_SIGNAL"] = Column(
        [one.max_signal_adu for one in rows], unit="adu"
    )
    table["FIT_CHI_SQUARED"] = [one.fit_chi_squared for one in rows]
    table["VALID"] = [one.valid for one in rows]
    table["REASON"] = [one.reason for one in rows]
    table.meta |= {"OBSTYPE": "linearizer", "VERSION": VERSION, **(meta or {})}
    return table


def linearizers_from_table(table: Table) -> dict[str, Linearizer]:
    """Read the linearizers of a detector, by amplifier.

    Parameters
    ----------
    table
        As `linearizer_table` writes it.
    """
    missing = {"AMPLIFIER_NAME", "TYPE", "COEFFS"} - set(table.colnames)
    if missing:
        raise ImageError(
            f"This table is no linearizer: it lacks {', '.join(sorted(missing))}."
        )
    return {str(row["AMPLIFIER_NAME"]): _from_row(row) for row in table}


def _from_row(row: Any) -> Linearizer:
    """Read one row, dropping the padding."""
    exposures = np.asarray(row["INPUT_EXP_IDS"], np.int64)
    n_pairs = int((exposures >= 0).sum())
    vectors = {
        attribute: np.asarray(row[name], float)
        for name, (attribute, _) in _VECTORS.items()
    }
    for attribute in ("coeffs", "table", "fit_params", "fit_params_err"):
        vectors[attribute] = vectors[attribute][np.isfinite(vectors[attribute])]
    for attribute in ("signals_adu", "abscissae", "residuals"):
        vectors[attribute] = vectors[attribute][:n_pairs]
    return Linearizer(
        amplifier=str(row["AMPLIFIER_NAME"]),
        type=LinearityType(str(row["TYPE"])),
        **vectors,
        turnoff_adu=float(row["LINEARITY_TURNOFF"]),
        max_signal_adu=float(row["LINEARITY_MAX_SIGNAL"]),
        fit_chi_squared=float(row["FIT_CHI_SQUARED"]),
        exposures=exposures[:n_pairs],
        used=np.asarray(row["USED"], bool)[:n_pairs],
        valid=bool(row["VALID"]),
        reason=str(row["REASON"]),
    )


def _padded(vectors: list[np.ndarray]) -> np.ndarray:
    """Make one array of vectors; it has at least one column, as parquet asks."""
    width = max(1, *(vector.size for vector in vectors)) if vectors else 1
    rows = [np.pad(v, (0, width - v.size), constant_values=np.nan) for v in vectors]
    return np.array(rows).reshape(len(rows), width)


def _padded_ids(vectors: list[np.ndarray]) -> np.ndarray:
    """As `_padded` for exposure ids: −1 where there is none."""
    width = max(1, *(vector.size for vector in vectors)) if vectors else 1
    rows = [np.pad(v, (0, width - v.size), constant_values=-1) for v in vectors]
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)
