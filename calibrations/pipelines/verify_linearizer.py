"""Verification of linearizers: linearize flats, measure a second one, judge it.

Names are those of Rubin's ``cp_verify``.
"""

from typing import Any

from lsst.daf.butler import DataCoordinate
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.imaging.linearity import Linearizer, linearizer_table
from calibrations.imaging.linearity_checks import residual_linearity
from calibrations.imaging.linearity_fits import fit_linearizers
from calibrations.pipelines.applying import BY_DETECTOR
from calibrations.pipelines.judging import judge
from calibrations.pipelines.linearity_flats import (
    FlatSeriesConfig,
    FlatSeriesConnections,
    gather_series,
    read_charges,
)
from calibrations.pipelines.processing import read_calibrations
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verification import detector_outputs, result_rows

__all__ = ["VerifyLinearizerConfig", "VerifyLinearizerTask"]

STAGE = "LINEARITY"


class VerifyLinearizerConnections(FlatSeriesConnections, dimensions=BY_DETECTOR):
    """Flats and their linearizer in, statistics and tests out."""

    second = connectionTypes.Output(
        name="verifyLinearizerSecondLinearizer",
        doc="Linearity that is left in linearized flats.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
    )
    locals().update(detector_outputs("Linearizer"))


class VerifyLinearizerConfig(
    PipelineTaskConfig,
    FlatSeriesConfig,
    pipelineConnections=VerifyLinearizerConnections,
):
    """Configuration of `VerifyLinearizerTask`."""

    def setDefaults(self) -> None:
        """Measure a spline of ten knots, as upstream does."""
        super().setDefaults()
        self.applies = ["linearizer"]
        self.linearityType = "Spline"

    def validate(self) -> None:
        """Refuse to verify what is not applied."""
        super().validate()
        if "linearizer" not in self.applies:
            raise ValueError("A linearizer that is not applied cannot be verified.")


class VerifyLinearizerTask(PipelineTask):
    """Look for linearity that a linearizer left."""

    ConfigClass = VerifyLinearizerConfig
    _DefaultName = "cpVerifyLinearizer"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read one flat at a time, fit, judge, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        handles = butlerQC.get(inputRefs.raws)
        charges = read_charges(butlerQC, inputRefs, self.config, self.log)
        data = gather_series(handles, calibrations, self.config, charges, self.log)
        second = fit_linearizers(data, self.config.linearity_settings())
        first = Linearizer.from_table(calibrations.tables["linearizer"])
        outputs = self.run(first, second, outputRefs.stats.dataId)
        butlerQC.put(outputs, outputRefs)

    def run(
        self,
        first: dict[str, Linearizer],
        second: dict[str, Linearizer],
        data_id: DataCoordinate,
    ) -> Struct:
        """Judge what is left.

        Parameters
        ----------
        first
            The linearizers that are verified.
        second
            Those measured on flats that these corrected.
        data_id
            Of the detector.
        """
        amplifiers: dict[str, dict[str, Any]] = {}
        details: dict[str, dict[str, Any]] = {}
        for name, again in second.items():
            amplifiers[name] = residual_linearity(again)
            details[name] = describe(first.get(name), again)
        judgement = judge(STAGE, amplifiers, detector=int(data_id["detector"]))
        stats = {
            "AMP": {n: {**amplifiers[n], **details[n]} for n in amplifiers},
            "VERIFY": judgement.verify,
            "SUCCESS": judgement.success,
        }
        rows = result_rows(STAGE, stats, data_id)
        return Struct(
            second=linearizer_table(second.values()),
            stats=stats,
            results=table_from_rows(rows),
            tests=judgement.tests,
        )


def describe(first: Linearizer | None, second: Linearizer) -> dict[str, Any]:
    """Give what upstream tells beside the tests, vectors left to the tables."""
    return {
        "LINEARITY_TYPE": first.type.value if first else "None",
        "LINEARITY_TURNOFF": first.turnoff_adu if first else float("nan"),
        "SECOND_TYPE": second.type.value,
        "SECOND_TURNOFF": second.turnoff_adu,
        "N_PAIRS": int(second.used.sum()),
        "REASON": (first.reason if first else "") or second.reason,
    }
