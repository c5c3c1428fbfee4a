"""What the merging of verification reads and writes.

Dataset names are those of Rubin's ``cp_verify``, with the long tables of tests beside.
"""

from typing import Any

from lsst.pipe.base import (
    PipelineTaskConfig,
    PipelineTaskConnections,
    connectionTypes,
)

__all__ = [
    "MergeDetectorFilterRunConfig",
    "MergeDetectorRunConfig",
    "MergeExposureConfig",
    "MergeFilterRunConfig",
    "MergeRunConfig",
]

DETECTOR = ("instrument", "exposure", "detector")
CALIBRATION = ("instrument", "detector")
FILTER_CALIBRATION = ("instrument", "detector", "physical_filter")
EXPOSURE = ("instrument", "exposure")
RUN = ("instrument",)
FILTER_RUN = ("instrument", "physical_filter")
STAGE = {"stage": "Bias"}


class MergeExposureConnections(
    PipelineTaskConnections, dimensions=EXPOSURE, defaultTemplates=STAGE
):
    """Detectors in, the exposure out."""

    inputResults = connectionTypes.Input(
        name="verify{stage}DetResults",
        doc="Results of one detector.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
        multiple=True,
    )
    inputTests = connectionTypes.Input(
        name="verify{stage}DetTests",
        doc="Tests of one detector.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
        multiple=True,
    )
    inputMatrix = connectionTypes.Input(
        name="verify{stage}DetMatrix",
        doc="Correlation of the amplifiers of one detector.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
        multiple=True,
    )
    stats = connectionTypes.Output(
        name="verify{stage}ExpStats",
        doc="Success and failures, by detector.",
        storageClass="StructuredDataDict",
        dimensions=EXPOSURE,
    )
    results = connectionTypes.Output(
        name="verify{stage}ExpResults",
        doc="Results of all detectors.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
    )
    tests = connectionTypes.Output(
        name="verify{stage}ExpTests",
        doc="Tests of all detectors and of the exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
    )
    matrix = connectionTypes.Output(
        name="verify{stage}ExpMatrix",
        doc="Correlation of amplifiers, all detectors.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
    )

    def __init__(self, *, config: Any = None) -> None:
        drop_matrix(self, config)


class MergeRunConnections(
    PipelineTaskConnections, dimensions=RUN, defaultTemplates=STAGE
):
    """Exposures in, the run out."""

    inputResults = connectionTypes.Input(
        name="verify{stage}ExpResults",
        doc="Results of one exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )
    inputTests = connectionTypes.Input(
        name="verify{stage}ExpTests",
        doc="Tests of one exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )
    inputMatrix = connectionTypes.Input(
        name="verify{stage}ExpMatrix",
        doc="Correlation of amplifiers of one exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )
    stats = connectionTypes.Output(
        name="verify{stage}Stats",
        doc="Success and failures, by exposure.",
        storageClass="StructuredDataDict",
        dimensions=RUN,
    )
    results = connectionTypes.Output(
        name="verify{stage}Results",
        doc="Results of all exposures.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )
    tests = connectionTypes.Output(
        name="verify{stage}Tests",
        doc="Every test of the run, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )
    matrix = connectionTypes.Output(
        name="verify{stage}Matrix",
        doc="Correlation of amplifiers, all exposures.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )

    def __init__(self, *, config: Any = None) -> None:
        drop_matrix(self, config)


class MergeFilterRunConnections(
    MergeRunConnections, dimensions=FILTER_RUN, defaultTemplates=STAGE
):
    """As `MergeRunConnections`, for each filter."""

    stats = connectionTypes.Output(
        name="verify{stage}Stats",
        doc="Success and failures, by exposure.",
        storageClass="StructuredDataDict",
        dimensions=FILTER_RUN,
    )
    results = connectionTypes.Output(
        name="verify{stage}Results",
        doc="Results of all exposures.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )
    tests = connectionTypes.Output(
        name="verify{stage}Tests",
        doc="Every test of the run, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )


class MergeDetectorRunConnections(
    PipelineTaskConnections, dimensions=RUN, defaultTemplates={"stage": "Ptc"}
):
    """Detectors in, the run out: for what is verified without an exposure."""

    inputResults = connectionTypes.Input(
        name="verify{stage}DetResults",
        doc="Results of the calibration of one detector.",
        storageClass="ArrowAstropy",
        dimensions=CALIBRATION,
        multiple=True,
    )
    inputTests = connectionTypes.Input(
        name="verify{stage}DetTests",
        doc="Tests of the calibration of one detector.",
        storageClass="ArrowAstropy",
        dimensions=CALIBRATION,
        multiple=True,
    )
    inputMatrix = connectionTypes.Input(
        name="verify{stage}DetMatrix",
        doc="Pairs of amplifiers of one detector.",
        storageClass="ArrowAstropy",
        dimensions=CALIBRATION,
        multiple=True,
    )
    stats = connectionTypes.Output(
        name="verify{stage}Stats",
        doc="Success and failures, by detector.",
        storageClass="StructuredDataDict",
        dimensions=RUN,
    )
    results = connectionTypes.Output(
        name="verify{stage}Results",
        doc="Results of all detectors.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )
    tests = connectionTypes.Output(
        name="verify{stage}Tests",
        doc="Every test of the run, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )
    matrix = connectionTypes.Output(
        name="verify{stage}Matrix",
        doc="Pairs of amplifiers, all detectors.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )

    def __init__(self, *, config: Any = None) -> None:
        drop_matrix(self, config)


class MergeDetectorFilterRunConnections(
    PipelineTaskConnections,
    dimensions=FILTER_RUN,
    defaultTemplates={"stage": "Fringe"},
):
    """As `MergeDetectorRunConnections`, for a calibration of each filter."""

    inputResults = connectionTypes.Input(
        name="verify{stage}DetResults",
        doc="Results of the calibration of one detector and filter.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_CALIBRATION,
        multiple=True,
    )
    inputTests = connectionTypes.Input(
        name="verify{stage}DetTests",
        doc="Tests of the calibration of one detector and filter.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_CALIBRATION,
        multiple=True,
    )
    stats = connectionTypes.Output(
        name="verify{stage}Stats",
        doc="Success and failures, by detector.",
        storageClass="StructuredDataDict",
        dimensions=FILTER_RUN,
    )
    results = connectionTypes.Output(
        name="verify{stage}Results",
        doc="Results of all detectors.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )
    tests = connectionTypes.Output(
        name="verify{stage}Tests",
        doc="Every test of the run, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )


STAGES_WITH_MATRIX = ("Bias", "Crosstalk")
"""Those that compare amplifiers in pairs."""


def drop_matrix(connections: PipelineTaskConnections, config: Any) -> None:
    """Leave the matrix out where a stage has none."""
    if config.connections.stage not in STAGES_WITH_MATRIX:
        del connections.inputMatrix
        del connections.matrix


class MergeExposureConfig(
    PipelineTaskConfig, pipelineConnections=MergeExposureConnections
):
    """Configuration of `MergeExposureTask`."""


class MergeRunConfig(PipelineTaskConfig, pipelineConnections=MergeRunConnections):
    """Configuration of `MergeRunTask`."""


class MergeFilterRunConfig(
    PipelineTaskConfig, pipelineConnections=MergeFilterRunConnections
):
    """Configuration of `MergeFilterRunTask`."""


class MergeDetectorRunConfig(
    PipelineTaskConfig, pipelineConnections=MergeDetectorRunConnections
):
    """Configuration of `MergeDetectorRunTask`."""


class MergeDetectorFilterRunConfig(
    PipelineTaskConfig, pipelineConnections=MergeDetectorFilterRunConnections
):
    """Configuration of `MergeDetectorFilterRunTask`."""
