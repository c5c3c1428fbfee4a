"""Verification of crosstalk: correct exposures, measure again, judge what is left.

Names are those of Rubin's ``cp_verify``.
"""

from typing import Any

import numpy as np
from lsst.daf.butler import DataCoordinate
from lsst.pex.config import Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
    connectionTypes,
)
from scipy.stats import norm

from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.crosstalk_fits import CrosstalkSettings, fit_crosstalk
from calibrations.imaging.crosstalk_pixels import BrightPixels
from calibrations.pipelines.applying import BY_DETECTOR, RawInputConnections
from calibrations.pipelines.crosstalk import BrightPixelsConfig, gather_bright_pixels
from calibrations.pipelines.judging import judge
from calibrations.pipelines.processing import read_calibrations
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verification import detector_outputs, result_rows

__all__ = ["VerifyCrosstalkConfig", "VerifyCrosstalkTask"]

STAGE = "CROSSTALK"


class VerifyCrosstalkConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Exposures and their crosstalk in, statistics and tests out."""

    locals().update(detector_outputs("Crosstalk"))
    matrix = connectionTypes.Output(
        name="verifyCrosstalkDetMatrix",
        doc="What is left of the coefficient of each pair of amplifiers.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
    )


class VerifyCrosstalkConfig(
    PipelineTaskConfig,
    BrightPixelsConfig,
    pipelineConnections=VerifyCrosstalkConnections,
):
    """Configuration of `VerifyCrosstalkTask`."""

    falseAlarms = Field(
        dtype=float,
        default=0.01,
        doc="Detectors without crosstalk that fail all the same, as a fraction.",
    )

    def setDefaults(self) -> None:
        """Subtract what is verified."""
        super().setDefaults()
        self.applies = ["crosstalk"]

    def validate(self) -> None:
        """Refuse to verify what is not applied."""
        super().validate()
        if "crosstalk" not in self.applies or "flat" in self.applicable:
            raise ValueError(
                "Crosstalk is verified where it is applied and no flat divides."
            )


class VerifyCrosstalkTask(PipelineTask):
    """Look for ghosts that a crosstalk matrix left."""

    ConfigClass = VerifyCrosstalkConfig
    _DefaultName = "cpVerifyCrosstalk"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read one exposure at a time, measure, judge, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        handles = butlerQC.get(inputRefs.raws)
        samples = gather_bright_pixels(handles, calibrations, self.config)
        applied = CrosstalkMatrix.from_table(calibrations.tables["crosstalk"])
        butlerQC.put(self.run(samples, applied, outputRefs.stats.dataId), outputRefs)

    def run(
        self,
        samples: list[BrightPixels],
        applied: CrosstalkMatrix,
        data_id: DataCoordinate,
    ) -> Struct:
        """Judge what is left.

        Parameters
        ----------
        samples
            Bright pixels of corrected exposures.
        applied
            The matrix that corrected them.
        data_id
            Of the detector.
        """
        names = samples[0].amplifiers
        n_pairs = len(names) * (len(names) - 1)
        significance = float(norm.isf(0.5 * self.config.falseAlarms / n_pairs))
        order = [applied.amplifiers.index(name) for name in names]
        prior = applied.errors[np.ix_(order, order)]
        left = fit_crosstalk(
            samples,
            CrosstalkSettings(
                flux_order=self.config.fluxOrder, significance=significance
            ),
            prior_errors=prior,
        )
        detector = int(data_id["detector"])
        whole, amplifiers = summarise(left, prior)
        judgement = judge(STAGE, amplifiers, detector=detector, whole=whole)
        coeffs = np.nan_to_num(left.coeffs)
        stats: dict[str, Any] = {
            "AMP": amplifiers,
            "DET": {**whole, "SIGNIFICANCE": significance, "COEFFS": coeffs.tolist()},
            "VERIFY": judgement.verify,
            "SUCCESS": judgement.success,
        }
        return Struct(
            stats=stats,
            results=table_from_rows(result_rows(STAGE, stats, data_id)),
            tests=judgement.tests,
            matrix=table_from_rows(matrix_rows(left, detector)),
        )


def summarise(
    left: CrosstalkMatrix, prior_errors: np.ndarray
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Give the numbers of the detector, and of each source amplifier."""
    others = ~np.eye(len(left.amplifiers), dtype=bool)
    measured = np.isfinite(left.errors) & others
    with np.errstate(invalid="ignore", divide="ignore"):
        pulls = left.coeffs / np.hypot(left.errors, np.nan_to_num(prior_errors))
    pulls = np.where(measured, np.abs(pulls), 0.0)
    whole = {
        "N_VALID": float(left.valid.sum()),
        "N_AMP": float(len(left.amplifiers)),
        "N_MEASURED": float(measured.sum()),
        "MAX_PULL": float(pulls.max(initial=0.0)),
    }
    amplifiers = {
        name: {
            "N_VALID": float(left.valid[i].sum()),
            "N_MEASURED": float(measured[i].sum()),
            "MAX_PULL": float(pulls[i].max(initial=0.0)),
        }
        for i, name in enumerate(left.amplifiers)
    }
    return whole, amplifiers


def matrix_rows(left: CrosstalkMatrix, detector: int) -> list[dict[str, Any]]:
    """Give a row for each pair: amplifierIdx is the source, CompIdx the target."""
    return [
        {
            "detector": detector,
            "amplifierIdx": i,
            "amplifierCompIdx": j,
            "amplifier": source,
            "amplifierComp": target,
            "coefficient": float(left.coeffs[i, j]),
            "error": float(left.errors[i, j]),
            "significant": bool(left.valid[i, j]),
        }
        for i, source in enumerate(left.amplifiers)
        for j, target in enumerate(left.amplifiers)
    ]
