"""Crosstalk: a bright pixel in one amplifier leaves a ghost in the others.

Amplifiers of a detector are read in step, so the ghost stands at the same place of the
segment *in readout order*. NumPy in and out. `calibrations.imaging.crosstalk_fits`
measures the coefficients from bright pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Column, Table

from calibrations.imaging.errors import ImageError

__all__ = ["CrosstalkMatrix", "subtract_crosstalk"]

VERSION = 1

_COLUMNS: Mapping[str, tuple[str, str]] = {
    "CT_COEFFS": ("coeffs", ""),
    "CT_ERRORS": ("errors", ""),
    "CT_COEFFS_SQR": ("squared", "1/electron"),
    "CT_ERRORS_SQR": ("squared_errors", "1/electron"),
}


@dataclass(frozen=True, eq=False)
class CrosstalkMatrix:
    """Crosstalk coefficients of a detector, indexed ``[source, target]``.

    The target's ghost is ``coeffs * s + squared * s²``, ``s`` being the source's pixel
    in electrons.
    """

    amplifiers: tuple[str, ...]
    coeffs: np.ndarray
    """Shape (n, n), dimensionless; the diagonal is 0, NaN where not measured."""

    squared: np.ndarray
    """Shape (n, n), per electron; 0 where only the linear term was fitted."""

    errors: np.ndarray
    """Standard errors of ``coeffs``; NaN where unknown."""

    valid: np.ndarray
    """Shape (n, n), bool: significant, and to be corrected for."""

    squared_errors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    counts: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """Pixels behind each coefficient, after clipping."""

    replaced: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))
    """Where the vendor's median stands in for an outlier."""

    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill what was not given and refuse other shapes."""
        shape = (len(self.amplifiers),) * 2
        for name in ("squared_errors", "counts", "replaced"):
            value = getattr(self, name)
            if value.size == 0 and shape != (0, 0):
                filled = np.zeros(shape, dtype=value.dtype)
                object.__setattr__(self, name, filled)
        names = ("coeffs", "squared", "errors", "valid")
        for name in (*names, "squared_errors", "counts", "replaced"):
            if getattr(self, name).shape != shape:
                raise ImageError(
                    f"{name} of a crosstalk matrix of {shape[0]} amplifiers has shape "
                    f"{getattr(self, name).shape}."
                )

    @classmethod
    def from_coefficients(
        cls,
        amplifiers: Sequence[str],
        coeffs: np.ndarray,
        *,
        squared: np.ndarray | None = None,
        errors: np.ndarray | None = None,
        valid: np.ndarray | None = None,
    ) -> "CrosstalkMatrix":
        """Make a matrix of known coefficients, such as the vendor's.

        Every coefficient that is a number other than 0 is valid unless said otherwise.
        """
        coeffs = np.asarray(coeffs, float)
        if valid is None:
            valid = np.isfinite(coeffs) & (coeffs != 0)
        return cls(
            amplifiers=tuple(amplifiers),
            coeffs=coeffs,
            squared=np.zeros_like(coeffs) if squared is None else np.asarray(squared),
            errors=np.full_like(coeffs, np.nan) if errors is None else errors,
            valid=np.asarray(valid, bool),
        )

    def to_table(self) -> Table:
        """Write one row for each source amplifier; vectors run over the targets."""
        table = Table()
        table["AMPLIFIER_NAME"] = list(self.amplifiers)
        for name, (attribute, unit) in _COLUMNS.items():
            value = np.asarray(getattr(self, attribute), float)
            table[name] = Column(value, unit=unit or None)
        table["CT_COUNTS"] = self.counts.astype(np.int64)
        table["CT_VALID"] = self.valid
        table["CT_REPLACED"] = self.replaced
        table.meta |= {"OBSTYPE": "crosstalk", "VERSION": VERSION, "UNITS": "electron"}
        table.meta |= self.meta
        return table

    @classmethod
    def from_table(cls, table: Table) -> "CrosstalkMatrix":
        """Read what `to_table` wrote."""
        if missing := {"AMPLIFIER_NAME", *_COLUMNS} - set(table.colnames):
            raise ImageError(
                "This table is no crosstalk matrix: it lacks "
                f"{', '.join(sorted(missing))}."
            )
        kept = ("OBSTYPE", "VERSION", "UNITS")
        return cls(
            amplifiers=tuple(str(name) for name in table["AMPLIFIER_NAME"]),
            **{
                attribute: np.asarray(table[name], float)
                for name, (attribute, _) in _COLUMNS.items()
            },
            valid=np.asarray(table["CT_VALID"], bool),
            counts=np.asarray(table["CT_COUNTS"], np.int64),
            replaced=np.asarray(table["CT_REPLACED"], bool),
            meta={k: v for k, v in table.meta.items() if k not in kept},
        )

    def rescaled(self, gain_ratio: float) -> "CrosstalkMatrix":
        """Give the matrix for electrons of other gains.

        Parameters
        ----------
        gain_ratio
            New gain over the gain it was measured with, common to all amplifiers; the
            linear term does not change, the quadratic one divides by it.
        """
        squared = self.squared / gain_ratio
        return CrosstalkMatrix(
            **{**self.__dict__, "squared": squared}  # a frozen dataclass's own fields
        )


def subtract_crosstalk(
    segments: Mapping[str, np.ndarray], matrix: CrosstalkMatrix
) -> dict[str, np.ndarray]:
    """Subtract from every amplifier the ghosts of the others.

    Parameters
    ----------
    segments
        Whole segments by amplifier in readout order, all of one shape (ny, nx), in
        electrons, overscan subtracted.
    matrix
        Only its valid coefficients are used. It must know every amplifier.

    Returns
    -------
    dict
        New segments, float32, in the order given. Ghosts are those of the sources *as
        read*: a ghost's own ghost (1e-7 of the source) stays. NaN pixels of a source
        leave their targets uncorrected.
    """
    if unknown := sorted(set(segments) - set(matrix.amplifiers)):
        raise ImageError(
            f"The crosstalk matrix does not know amplifier {', '.join(unknown)}."
        )
    shapes = {segment.shape for segment in segments.values()}
    if len(shapes) > 1:
        raise ImageError(
            f"Segments of shapes {sorted(shapes)} were not read in step: crosstalk "
            "between them has no place."
        )
    index = {name: matrix.amplifiers.index(name) for name in segments}
    names = list(segments)
    which = [index[name] for name in names]
    usable = matrix.valid & np.isfinite(matrix.coeffs)
    linear = np.where(usable, matrix.coeffs, 0.0)[np.ix_(which, which)]
    square = np.where(usable & np.isfinite(matrix.squared), matrix.squared, 0.0)
    square = square[np.ix_(which, which)]
    np.fill_diagonal(linear, 0.0)
    np.fill_diagonal(square, 0.0)
    stack = np.stack([np.asarray(segments[n], np.float32) for n in names])
    flat = np.nan_to_num(stack.reshape(len(names), -1), nan=0.0, posinf=0.0, neginf=0.0)
    ghosts = linear.T.astype(np.float32) @ flat
    if square.any():
        ghosts += square.T.astype(np.float32) @ (flat * flat)
    corrected = stack - ghosts.reshape(stack.shape)
    return {name: corrected[i] for i, name in enumerate(names)}
