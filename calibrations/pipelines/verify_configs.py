"""What verification of one detector reads, writes and can be told.

Dataset names are those of Rubin's ``cp_verify``.
"""

from lsst.pex.config import Field, ListField
from lsst.pipe.base import (
    PipelineTaskConfig,
    PipelineTaskConnections,
    connectionTypes,
)

from calibrations.pipelines.configs import IsrConfig

__all__ = [
    "VerifyBiasConfig",
    "VerifyDarkConfig",
    "VerifyFlatConfig",
]

DETECTOR = ("instrument", "exposure", "detector")


class VerifyConnections(
    PipelineTaskConnections, dimensions=DETECTOR, defaultTemplates={"stage": "Bias"}
):
    """A raw and its calibrations in; statistics, results and tests out."""

    raw = connectionTypes.Input(
        name="raw",
        doc="Raw exposure to verify on.",
        storageClass="CcdRaw",
        dimensions=DETECTOR,
    )
    bias = connectionTypes.PrerequisiteInput(
        name="bias",
        doc="Combined bias.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    stats = connectionTypes.Output(
        name="verify{stage}DetStats",
        doc="Statistics and verdicts, nested.",
        storageClass="StructuredDataDict",
        dimensions=DETECTOR,
    )
    results = connectionTypes.Output(
        name="verify{stage}DetResults",
        doc="Statistics and verdicts, a row for each amplifier.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
    )
    tests = connectionTypes.Output(
        name="verify{stage}DetTests",
        doc="One row for each test, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
    )
    residual = connectionTypes.Output(
        name="verify{stage}IsrExpBin8",
        doc="The calibrated exposure, binned to look at.",
        storageClass="CcdImage",
        dimensions=DETECTOR,
    )


class VerifyBiasConnections(
    VerifyConnections, dimensions=DETECTOR, defaultTemplates={"stage": "Bias"}
):
    """Biases also give the correlation of amplifiers."""

    matrix = connectionTypes.Output(
        name="verify{stage}DetMatrix",
        doc="Correlation of each pair of amplifiers.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
    )


class VerifyDarkConnections(
    VerifyConnections, dimensions=DETECTOR, defaultTemplates={"stage": "Dark"}
):
    """Darks take bias and dark."""

    dark = connectionTypes.PrerequisiteInput(
        name="dark",
        doc="Combined dark.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )


class VerifyFlatConnections(
    VerifyDarkConnections, dimensions=DETECTOR, defaultTemplates={"stage": "Flat"}
):
    """Flats take bias, dark and flat."""

    flat = connectionTypes.PrerequisiteInput(
        name="flat",
        doc="Combined flat.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
    )


class VerifyOptions(IsrConfig):
    """Choices common to all stages."""

    expectedDistributionLevels = ListField(
        dtype=float,
        default=[0, 5, 16, 50, 84, 95, 100],
        doc="Percentiles copied from the header of the combined calibration.",
    )
    binFactor = Field(dtype=int, default=8, doc="Binning of the picture to look at.")


class VerifyBiasConfig(
    PipelineTaskConfig, VerifyOptions, pipelineConnections=VerifyBiasConnections
):
    """Configuration of `VerifyBiasTask`."""

    ampCornerBoxSize = Field(
        dtype=int, default=200, doc="Side of the square at the readout corner (pixels)."
    )


class VerifyDarkConfig(
    PipelineTaskConfig, VerifyOptions, pipelineConnections=VerifyDarkConnections
):
    """Configuration of `VerifyDarkTask`."""


class VerifyFlatConfig(
    PipelineTaskConfig, VerifyOptions, pipelineConnections=VerifyFlatConnections
):
    """Configuration of `VerifyFlatTask`."""
