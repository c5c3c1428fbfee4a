"""The figure of crosstalk: a detector's coefficients between its amplifiers."""

from collections.abc import Mapping

import numpy as np

from reports.models import VerificationReport
from reports.plots.crosstalk import plot_named_matrix
from reports.services.curves import read_curves
from reports.services.figure_kinds import Data, FigureKind, Place
from reports.services.geometry import detector_names
from taxicab.errors import NotFoundError

__all__ = ["CROSSTALK_FIGURES"]

COLUMNS = ("CT_COEFFS", "CT_ERRORS", "CT_VALID")
SCALE = 1e4
"""Coefficients are a few parts in ten thousand."""


def _coefficients(report: VerificationReport, key: str, place: Place) -> Data:
    rows = read_curves(
        report, key, detector=place[0], columns=("AMPLIFIER_NAME", *COLUMNS)
    ).rows
    detector = detector_names(report.ticket.instrument_id).get(place[0], str(place[0]))
    if not rows:
        raise NotFoundError(f"{key} has nothing of {detector}: choose another.")
    names = [row["AMPLIFIER_NAME"] for row in rows]
    matrix, errors, valid = (
        np.array([row[column] for row in rows], dtype=float) for column in COLUMNS
    )
    np.fill_diagonal(matrix, np.nan)
    source, target = np.indices(matrix.shape)
    return Data(
        {
            "source": np.array(names)[source.ravel()],
            "target": np.array(names)[target.ravel()],
            "coefficient": matrix.ravel(),
            "error": errors.ravel(),
            "significant": valid.ravel() > 0,
        },
        lambda: plot_named_matrix(
            SCALE * matrix,
            names,
            valid > 0,
            title=f"{detector}: crosstalk, {int((valid > 0).sum())} significant (•)",
            x_label="target amplifier",
            y_label="source amplifier",
            label="coefficient (10⁻⁴)",
        ),
    )


CROSSTALK_FIGURES: Mapping[str, tuple[FigureKind, ...]] = {
    "crosstalk": (
        FigureKind(
            "coefficients",
            "crosstalk coefficients",
            "Look for neighbours in the readout order that stand out, beside the "
            "blank diagonal; a whole row or column of one colour is an amplifier "
            "whose background was not taken away.",
            _coefficients,
            of="detector",
            needs=COLUMNS,
        ),
    ),
}
