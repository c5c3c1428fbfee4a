"""Generation of linearizers: pairs of raw flats in, one table a detector out."""

from typing import Any

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
from calibrations.imaging.linearity_fits import fit_linearizers
from calibrations.pipelines.applying import BY_DETECTOR
from calibrations.pipelines.linearity_flats import (
    FlatSeriesConfig,
    FlatSeriesConnections,
    gather_series,
    read_charges,
)
from calibrations.pipelines.processing import read_calibrations

__all__ = ["LinearizerConfig", "LinearizerTask"]


class LinearizerConnections(FlatSeriesConnections, dimensions=BY_DETECTOR):
    """Flats in, the linearizers of the detector's amplifiers out."""

    linearizer_out = connectionTypes.Output(
        name="linearizer",
        doc="Linearity of each amplifier.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        isCalibration=True,
    )


class LinearizerConfig(
    PipelineTaskConfig, FlatSeriesConfig, pipelineConnections=LinearizerConnections
):
    """Configuration of `LinearizerTask`."""

    def validate(self) -> None:
        """Refuse to measure linearity on what is linearized already."""
        super().validate()
        if "linearizer" in self.applicable:
            raise ValueError("A linearizer is not measured with a linearizer applied.")


class LinearizerTask(PipelineTask):
    """Measure how every amplifier departs from proportionality to light."""

    ConfigClass = LinearizerConfig
    _DefaultName = "cpLinearizerSolve"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read one flat at a time, fit, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        handles = butlerQC.get(inputRefs.raws)
        charges = read_charges(butlerQC, inputRefs, self.config, self.log)
        data = gather_series(handles, calibrations, self.config, charges, self.log)
        linearizers = fit_linearizers(data, self.config.linearity_settings())
        say_invalid(linearizers, self.log)
        light = "EXPTIME" if charges is None else "PHOTODIODE"
        meta = {"LIGHT": light, **calibrations.cards()}
        table = linearizer_table(linearizers.values(), meta)
        butlerQC.put(Struct(linearizer_out=table), outputRefs)


def say_invalid(linearizers: dict[str, Linearizer], log: Any) -> None:
    """Log which amplifiers have none, and why."""
    for name, one in linearizers.items():
        if not one.valid:
            log.warning("Amplifier %s has no linearizer: %s", name, one.reason)
