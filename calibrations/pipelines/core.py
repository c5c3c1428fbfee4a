"""Core metrics and focal-plane plots of a verification run.

Tasks in the shape of analysis_tools' ``analyzeBiasCore`` and its kin: one results
table in, one metric bundle and one plot for each tool out.
"""

from typing import Any

import numpy as np
from astropy.table import Table
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.domain.cameras import camera
from calibrations.pipelines.focal_plane import plot_focal_plane
from calibrations.pipelines.metrics import CORE_TOOLS, CoreTool, core_metrics

__all__ = [
    "AnalyzeBiasTask",
    "AnalyzeDarkTask",
    "AnalyzeFlatTask",
    "AnalyzeTask",
]

RUN = ("instrument",)
FILTER_RUN = ("instrument", "physical_filter")


def results_input(stage: str, dimensions: tuple[str, ...]) -> connectionTypes.Input:
    """Declare the run's results table."""
    return connectionTypes.Input(
        name=f"verify{stage}Results",
        doc="Results of all exposures.",
        storageClass="ArrowAstropy",
        dimensions=dimensions,
    )


def metrics_output(stage: str, dimensions: tuple[str, ...]) -> connectionTypes.Output:
    """Declare the bundle."""
    return connectionTypes.Output(
        name=f"cp{stage}Core_metrics",
        doc="Medians over all amplifiers and exposures.",
        storageClass="MetricBundle",
        dimensions=dimensions,
    )


def plot_outputs(
    stage: str, dimensions: tuple[str, ...]
) -> dict[str, connectionTypes.Output]:
    """Declare a plot for each tool."""
    return {
        tool: connectionTypes.Output(
            name=f"cp{stage}Core_{tool}_FocalPlaneGeometryPlot",
            doc=f"Focal plane by amplifier: {what['label']}.",
            storageClass="Plot",
            dimensions=dimensions,
        )
        for tool, what in CORE_TOOLS[stage].items()
    }


class AnalyzeBiasConnections(PipelineTaskConnections, dimensions=RUN):
    """Bias results in; metrics and plots out."""

    results = results_input("Bias", RUN)
    metrics = metrics_output("Bias", RUN)
    locals().update(plot_outputs("Bias", RUN))


class AnalyzeDarkConnections(PipelineTaskConnections, dimensions=RUN):
    """Dark results in; metrics and plots out."""

    results = results_input("Dark", RUN)
    metrics = metrics_output("Dark", RUN)
    locals().update(plot_outputs("Dark", RUN))


class AnalyzeFlatConnections(PipelineTaskConnections, dimensions=FILTER_RUN):
    """Flat results in; metrics and plots out."""

    results = results_input("Flat", FILTER_RUN)
    metrics = metrics_output("Flat", FILTER_RUN)
    locals().update(plot_outputs("Flat", FILTER_RUN))


class AnalyzeBiasConfig(PipelineTaskConfig, pipelineConnections=AnalyzeBiasConnections):
    """Configuration of `AnalyzeBiasTask`."""


class AnalyzeDarkConfig(PipelineTaskConfig, pipelineConnections=AnalyzeDarkConnections):
    """Configuration of `AnalyzeDarkTask`."""


class AnalyzeFlatConfig(PipelineTaskConfig, pipelineConnections=AnalyzeFlatConnections):
    """Configuration of `AnalyzeFlatTask`."""


class AnalyzeTask(PipelineTask):
    """Reduce a results table to numbers and pictures."""

    stage: str

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read the table, write bundle and plots."""
        instrument = str(inputRefs.results.dataId["instrument"])
        butlerQC.put(self.run(butlerQC.get(inputRefs.results), instrument), outputRefs)

    def run(self, results: Table, instrument: str) -> Struct:
        """Measure and draw."""
        outputs: dict[str, Any] = {"metrics": core_metrics(self.stage, results)}
        for tool, what in CORE_TOOLS[self.stage].items():
            unit = f" ({what['unit']})" if what["unit"] else ""
            outputs[tool] = plot_focal_plane(
                camera(instrument),
                amplifier_medians(results, what),
                title=f"{instrument}: {what['label']}",
                label=f"Median of {what['column']}{unit}",
            )
        return Struct(**outputs)


class AnalyzeBiasTask(AnalyzeTask):
    """Core metrics of biases."""

    ConfigClass = AnalyzeBiasConfig
    _DefaultName = "analyzeBiasCore"
    stage = "Bias"


class AnalyzeDarkTask(AnalyzeTask):
    """Core metrics of darks."""

    ConfigClass = AnalyzeDarkConfig
    _DefaultName = "analyzeDarkCore"
    stage = "Dark"


class AnalyzeFlatTask(AnalyzeTask):
    """Core metrics of flats."""

    ConfigClass = AnalyzeFlatConfig
    _DefaultName = "analyzeFlatCore"
    stage = "Flat"


def amplifier_medians(results: Table, what: CoreTool) -> dict[tuple[int, str], float]:
    """Take each amplifier's median over the exposures."""
    values: np.ndarray = np.ma.filled(
        np.ma.asarray(results[what["column"]], float), np.nan
    )
    detectors = np.ma.filled(np.ma.asarray(results["detector"]), -1)
    amplifiers: np.ndarray = np.ma.filled(np.ma.asarray(results["amplifier"], str), "")
    by_amplifier: dict[tuple[int, str], list[float]] = {}
    for value, detector, name in zip(values, detectors, amplifiers, strict=True):
        if name and np.isfinite(value):
            by_amplifier.setdefault((int(detector), str(name)), []).append(float(value))
    return {key: float(np.median(sample)) for key, sample in by_amplifier.items()}
