"""Core and extended metrics and plots of a verification run.

Tasks in the shape of analysis_tools' ``analyzeBiasCore`` and its kin. What each
measures and draws is `ANALYSES`, chosen by ``connections.outputName``: one results
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
from calibrations.pipelines.core_tools import ANALYSES, Analysis, PlaneTool
from calibrations.pipelines.focal_plane import plot_focal_plane
from calibrations.pipelines.grids import plot_amplifier_grid
from calibrations.pipelines.metrics import core_metrics, numbers
from calibrations.pipelines.tables import stack_tables

__all__ = [
    "AnalyzeCalibrationTask",
    "AnalyzeDetectorFilterTask",
    "AnalyzeDetectorTask",
    "AnalyzeFilterTask",
    "AnalyzeTask",
]

RUN = ("instrument",)
FILTER_RUN = ("instrument", "physical_filter")
DETECTOR = ("instrument", "detector")
FILTER_DETECTOR = ("instrument", "detector", "physical_filter")
EXPOSURE_DETECTOR = ("instrument", "exposure", "detector")
NAMES = {"outputName": "cpBiasCore", "results": "verifyBiasResults"}


def results_input(
    dimensions: tuple[str, ...], *, multiple: bool = False
) -> connectionTypes.Input:
    """Declare the results table, or the tables of all exposures of a detector."""
    return connectionTypes.Input(
        name="{results}",
        doc="Results of verification.",
        storageClass="ArrowAstropy",
        dimensions=dimensions,
        multiple=multiple,
    )


def declare_outputs(connections: PipelineTaskConnections, config: Any) -> None:
    """Add the bundle, and a plot for each tool of the analysis."""
    name = config.connections.outputName
    analysis = ANALYSES[name]
    dimensions = tuple(connections.dimensions)

    def output(suffix: str, storage: str, doc: str) -> connectionTypes.Output:
        return connectionTypes.Output(
            name=f"{name}_{suffix}",
            doc=doc,
            storageClass=storage,
            dimensions=dimensions,
        )

    if analysis.planes:
        connections.metrics = output(
            "metrics", "MetricBundle", "Medians over all amplifiers and exposures."
        )
    for tool, plane in analysis.planes.items():
        doc = f"Focal plane by amplifier: {plane.label}."
        plot = output(f"{tool}_FocalPlaneGeometryPlot", "Plot", doc)
        setattr(connections, tool, plot)
    for tool, grid in analysis.grids.items():
        doc = f"A panel for each amplifier: {grid.label}."
        setattr(connections, tool, output(f"{tool}_GridPlot", "Plot", doc))


class AnalyzeConnections(
    PipelineTaskConnections, dimensions=RUN, defaultTemplates=NAMES
):
    """The run's results in; metrics and plots out."""

    data = results_input(RUN)

    def __init__(self, *, config: Any = None) -> None:
        declare_outputs(self, config)


class AnalyzeFilterConnections(
    PipelineTaskConnections, dimensions=FILTER_RUN, defaultTemplates=NAMES
):
    """The same for each filter."""

    data = results_input(FILTER_RUN)

    def __init__(self, *, config: Any = None) -> None:
        declare_outputs(self, config)


class AnalyzeDetectorConnections(
    PipelineTaskConnections, dimensions=DETECTOR, defaultTemplates=NAMES
):
    """All exposures of one detector in; its plots out."""

    data = results_input(EXPOSURE_DETECTOR, multiple=True)

    def __init__(self, *, config: Any = None) -> None:
        declare_outputs(self, config)


class AnalyzeDetectorFilterConnections(
    PipelineTaskConnections, dimensions=FILTER_DETECTOR, defaultTemplates=NAMES
):
    """The same for each filter."""

    data = results_input(EXPOSURE_DETECTOR, multiple=True)

    def __init__(self, *, config: Any = None) -> None:
        declare_outputs(self, config)


class AnalyzeCalibrationConnections(
    PipelineTaskConnections, dimensions=DETECTOR, defaultTemplates=NAMES
):
    """The results of a calibration that is verified without exposures in."""

    data = results_input(DETECTOR)

    def __init__(self, *, config: Any = None) -> None:
        declare_outputs(self, config)


class AnalyzeConfig(PipelineTaskConfig, pipelineConnections=AnalyzeConnections):
    """Configuration of `AnalyzeTask`."""


class AnalyzeFilterConfig(
    PipelineTaskConfig, pipelineConnections=AnalyzeFilterConnections
):
    """Configuration of `AnalyzeFilterTask`."""


class AnalyzeDetectorConfig(
    PipelineTaskConfig, pipelineConnections=AnalyzeDetectorConnections
):
    """Configuration of `AnalyzeDetectorTask`."""


class AnalyzeDetectorFilterConfig(
    PipelineTaskConfig, pipelineConnections=AnalyzeDetectorFilterConnections
):
    """Configuration of `AnalyzeDetectorFilterTask`."""


class AnalyzeCalibrationConfig(
    PipelineTaskConfig, pipelineConnections=AnalyzeCalibrationConnections
):
    """Configuration of `AnalyzeCalibrationTask`."""


class AnalyzeTask(PipelineTask):
    """Reduce the results of a run to numbers and pictures."""

    ConfigClass = AnalyzeConfig
    _DefaultName = "analyzeCore"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read the table, or put those of all exposures together; write."""
        data = butlerQC.get(inputRefs.data)
        results = stack_tables(data) if isinstance(data, list) else data
        data_id = butlerQC.quantum.dataId
        detector = data_id.get("detector")
        outputs = self.run(
            results,
            str(data_id["instrument"]),
            detector=None if detector is None else int(detector),
        )
        butlerQC.put(outputs, outputRefs)

    def run(
        self, results: Table, instrument: str, *, detector: int | None = None
    ) -> Struct:
        """Measure and draw."""
        analysis = ANALYSES[self.config.connections.outputName]
        outputs: dict[str, Any] = {}
        if analysis.planes:
            outputs["metrics"] = core_metrics(analysis.planes, results)
        outputs |= draw_planes(analysis, results, instrument)
        outputs |= draw_grids(analysis, results, instrument, detector)
        return Struct(**outputs)


class AnalyzeFilterTask(AnalyzeTask):
    """The same for each filter."""

    ConfigClass = AnalyzeFilterConfig
    _DefaultName = "analyzeCoreByFilter"


class AnalyzeDetectorTask(AnalyzeTask):
    """Draw all exposures of one detector."""

    ConfigClass = AnalyzeDetectorConfig
    _DefaultName = "analyzeDetCore"


class AnalyzeDetectorFilterTask(AnalyzeTask):
    """The same for each filter."""

    ConfigClass = AnalyzeDetectorFilterConfig
    _DefaultName = "analyzeDetCoreByFilter"


class AnalyzeCalibrationTask(AnalyzeTask):
    """Draw one detector of a calibration that is verified without exposures."""

    ConfigClass = AnalyzeCalibrationConfig
    _DefaultName = "analyzeCalibCore"


def draw_planes(analysis: Analysis, results: Table, instrument: str) -> dict[str, Any]:
    """Draw the focal plane once for each tool."""
    plots = {}
    for tool, what in analysis.planes.items():
        unit = f" ({what.unit})" if what.unit else ""
        plots[tool] = plot_focal_plane(
            camera(instrument),
            amplifier_medians(results, what),
            title=f"{instrument}: {what.label}",
            label=f"Median of {what.column}{unit}",
        )
    return plots


def draw_grids(
    analysis: Analysis, results: Table, instrument: str, detector: int | None
) -> dict[str, Any]:
    """Draw a panel for each amplifier, of one detector or of all together."""
    model = camera(instrument)
    where = "all detectors"
    shown = model.detectors[0]
    if detector is not None:
        shown = model.detector(detector)
        where = shown.name
    return {
        tool: plot_amplifier_grid(
            results,
            what,
            list(shown.amplifiers),
            title=f"{instrument} {where}: {what.label}",
        )
        for tool, what in analysis.grids.items()
    }


def amplifier_medians(results: Table, what: PlaneTool) -> dict[tuple[int, str], float]:
    """Take each amplifier's median over the exposures."""
    detectors = np.ma.filled(np.ma.asarray(results["detector"]), -1)
    amplifiers: np.ndarray = np.ma.filled(np.ma.asarray(results["amplifier"], str), "")
    by_amplifier: dict[tuple[int, str], list[float]] = {}
    for value, detector, name in zip(
        numbers(results, what.column), detectors, amplifiers, strict=True
    ):
        if name and np.isfinite(value):
            by_amplifier.setdefault((int(detector), str(name)), []).append(float(value))
    return {key: float(np.median(sample)) for key, sample in by_amplifier.items()}
