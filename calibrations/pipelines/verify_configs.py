"""What verification of one detector reads, writes and can be told.

Dataset names are those of Rubin's ``cp_verify``.
"""

from typing import ClassVar

from lsst.pex.config import Field, ListField
from lsst.pipe.base import (
    PipelineTaskConfig,
    connectionTypes,
)

from calibrations.pipelines.applying import (
    BY_FILTER,
    ApplyConnections,
    calibration_input,
)
from calibrations.pipelines.configs import ApplyConfig

__all__ = [
    "VerifyBiasConfig",
    "VerifyDarkConfig",
    "VerifyFlatConfig",
    "VerifyOptions",
]

DETECTOR = ("instrument", "exposure", "detector")


class VerifyConnections(
    ApplyConnections, dimensions=DETECTOR, defaultTemplates={"stage": "Bias"}
):
    """A raw and its calibrations in; statistics, results and tests out."""

    raw = connectionTypes.Input(
        name="raw",
        doc="Raw exposure to verify on.",
        storageClass="CcdRaw",
        dimensions=DETECTOR,
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
    """Darks are verified exposure by exposure."""


class VerifyFlatConnections(
    VerifyConnections, dimensions=DETECTOR, defaultTemplates={"stage": "Flat"}
):
    """Flats take the flat of their filter as well."""

    flat = calibration_input("flat", "Combined flat.", "CcdImage", BY_FILTER)


class VerifyOptions(ApplyConfig):
    """Choices common to all stages."""

    judged: ClassVar[str]
    """The calibration that is verified: it must be applied."""

    expectedDistributionLevels = ListField(
        dtype=float,
        default=[0, 5, 16, 50, 84, 95, 100],
        doc="Percentiles copied from the header of the combined calibration.",
    )
    doProfiles = Field(
        dtype=bool,
        default=True,
        doc="Write the mean of each column and of each row of every amplifier, and the "
        "power of its noise by frequency.",
    )
    doDiagnostics = Field(
        dtype=bool,
        default=True,
        doc="Write what the camera team's eo_pipe measures beside the tests (EO_*).",
    )
    binFactor = Field(dtype=int, default=8, doc="Binning of the picture to look at.")

    def validate(self) -> None:
        """Refuse to judge what is not applied."""
        super().validate()
        if self.judged not in self.applies:
            raise ValueError(
                f"applies is {list(self.applies)}: to verify a {self.judged} it must "
                "be among them."
            )


class VerifyBiasConfig(
    PipelineTaskConfig, VerifyOptions, pipelineConnections=VerifyBiasConnections
):
    """Configuration of `VerifyBiasTask`."""

    judged = "bias"
    ampCornerBoxSize = Field(
        dtype=int, default=200, doc="Side of the square at the readout corner (pixels)."
    )

    def setDefaults(self) -> None:
        """Apply the bias, and what an earlier construction left."""
        super().setDefaults()
        self.applies = ["bias"]
        self.appliesIfThere = ["ptc", "defects"]


class VerifyDarkConfig(
    PipelineTaskConfig, VerifyOptions, pipelineConnections=VerifyDarkConnections
):
    """Configuration of `VerifyDarkTask`."""

    judged = "dark"

    def setDefaults(self) -> None:
        """Apply what the dark was made with, then the dark (DMTN-222 figure 2)."""
        super().setDefaults()
        self.applies = ["bias", "defects", "dark"]
        self.appliesIfThere = ["ptc"]


class VerifyFlatConfig(
    PipelineTaskConfig, VerifyOptions, pipelineConnections=VerifyFlatConnections
):
    """Configuration of `VerifyFlatTask`."""

    judged = "flat"

    def setDefaults(self) -> None:
        """Apply what the flat was made with, then the flat (DMTN-222 figure 2)."""
        super().setDefaults()
        self.applies = ["bias", "dark", "defects", "flat"]
        self.appliesIfThere = ["ptc"]
