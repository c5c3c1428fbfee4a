"""What the search for defects reads, writes and can be told.

Dataset names are those of Rubin's ``cp_pipe``.
"""

from collections.abc import Sequence
from typing import Any

from lsst.pex.config import ChoiceField, Config, Field
from lsst.pipe.base import (
    PipelineTaskConfig,
    PipelineTaskConnections,
    connectionTypes,
)

from calibrations.imaging.defect_search import DefectSettings
from calibrations.pipelines.applying import (
    BY_DETECTOR,
    BY_FILTER,
    calibration_input,
    raws_input,
)

__all__ = ["MeasureDefectsConfig", "MeasureFlatDefectsConfig", "MergeDefectsConfig"]

KIND = {"source": "dark_for_defects", "target": "cpDefectsFromDark"}


class MeasureDefectsConnections(
    PipelineTaskConnections, dimensions=BY_DETECTOR, defaultTemplates=KIND
):
    """A combined calibration in, its defects out.

    The raws say on which detectors and for which date: the calibration is looked up at
    their time. Of their pixels only the layout of the amplifiers is used.
    """

    raws = raws_input()
    image = calibration_input("{source}", "Combined bias or dark.", "CcdImage")
    found = connectionTypes.Output(
        name="{target}",
        doc="Defects of one combined calibration.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
    )

    def getTemporalBoundsConnections(self) -> Sequence[str]:
        """Calibrations are looked up at the time of the raws."""
        return ["raws"]


class MeasureFlatDefectsConnections(
    PipelineTaskConnections,
    dimensions=BY_FILTER,
    defaultTemplates={"source": "flat_for_defects", "target": "cpDefectsFromFlat"},
):
    """The same for a flat, which has a filter: that of the raws."""

    raws = raws_input()
    image = calibration_input("{source}", "Combined flat.", "CcdImage", BY_FILTER)
    found = connectionTypes.Output(
        name="{target}",
        doc="Defects of one combined flat.",
        storageClass="ArrowAstropy",
        dimensions=BY_FILTER,
    )

    def getTemporalBoundsConnections(self) -> Sequence[str]:
        """Calibrations are looked up at the time of the raws."""
        return ["raws"]


class DefectOptions(Config):
    """Thresholds, under upstream's names."""

    thresholdType = ChoiceField(
        dtype=str,
        default="VALUE",
        doc="What makes a defect.",
        allowed={
            "VALUE": "A physical limit.",
            "STDEV": "So many standard deviations of the amplifier.",
        },
        optional=False,
    )
    nSigmaBright = Field(dtype=float, default=4.8, doc="Above this, in STDEV.")
    nSigmaDark = Field(dtype=float, default=-5.0, doc="Below this, in STDEV.")
    biasThreshold = Field(
        dtype=float, default=1000.0, doc="Of a bias, above or below its level (adu)."
    )
    darkCurrentThreshold = Field(
        dtype=float, default=5.0, doc="Of a dark, above its level (e-/s)."
    )
    fracThresholdFlat = Field(
        dtype=float, default=0.8, doc="Of a flat, as a fraction of its level."
    )
    fitAmpGradient = Field(
        dtype=bool, default=False, doc="Compare a flat with a plane, not a level."
    )
    badOnAndOffPixelColumnThreshold = Field(
        dtype=int, default=50, doc="Bad pixels of a column that is bad on and off."
    )
    goodPixelColumnGapThreshold = Field(
        dtype=int, default=30, doc="Gaps of fewer good pixels in it are filled."
    )
    badPixelsToFillColumnThreshold = Field(
        dtype=int, default=-1, doc="Bad pixels that make a whole column bad; -1: off."
    )
    saturatedPixelsToFillColumnThreshold = Field(
        dtype=int, default=-1, doc="The same for saturated pixels; -1: off."
    )
    saturatedColumnDilationRadius = Field(
        dtype=int, default=0, doc="Pixels added beside saturated ones."
    )

    def defect_settings(self) -> DefectSettings:
        """Give the choices in the form the image code takes."""
        return DefectSettings(
            threshold_type=self.thresholdType,
            n_sigma_bright=self.nSigmaBright,
            n_sigma_dark=self.nSigmaDark,
            bias_threshold_adu=self.biasThreshold,
            dark_current_threshold_e_s=self.darkCurrentThreshold,
            flat_fraction_threshold=self.fracThresholdFlat,
            fit_gradient=self.fitAmpGradient,
            on_off_threshold=self.badOnAndOffPixelColumnThreshold,
            gap_threshold=self.goodPixelColumnGapThreshold,
            fill_threshold=self.badPixelsToFillColumnThreshold,
            saturated_fill_threshold=self.saturatedPixelsToFillColumnThreshold,
            saturated_dilation=self.saturatedColumnDilationRadius,
        )


class MeasureDefectsConfig(
    PipelineTaskConfig, DefectOptions, pipelineConnections=MeasureDefectsConnections
):
    """Configuration of `MeasureDefectsTask`."""


class MeasureFlatDefectsConfig(
    PipelineTaskConfig, DefectOptions, pipelineConnections=MeasureFlatDefectsConnections
):
    """Configuration of `MeasureFlatDefectsTask`."""


class MergeDefectsConnections(PipelineTaskConnections, dimensions=BY_DETECTOR):
    """What each calibration shows in, the detector's defects out."""

    raws = raws_input()
    inputBiasDefects = connectionTypes.Input(
        name="cpDefectsFromBias",
        doc="Defects of the bias.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
    )
    inputDarkDefects = connectionTypes.Input(
        name="cpDefectsFromDark",
        doc="Defects of the dark.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
    )
    inputFlatDefects = connectionTypes.Input(
        name="cpDefectsFromFlat",
        doc="Defects of the flats, one for each filter.",
        storageClass="ArrowAstropy",
        dimensions=BY_FILTER,
        multiple=True,
    )
    manualDefects = connectionTypes.PrerequisiteInput(
        name="manual_defects",
        doc="Defects that somebody entered, where there are any.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        isCalibration=True,
        minimum=0,
    )
    mergedDefects = connectionTypes.Output(
        name="defects",
        doc="Defects of the detector: x0, y0, width, height.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        isCalibration=True,
    )

    def __init__(self, *, config: Any = None) -> None:
        if not config.doManualDefects:
            del self.manualDefects

    def getTemporalBoundsConnections(self) -> Sequence[str]:
        """Manual defects are looked up at the time of the raws."""
        return ["raws"]


class MergeDefectsConfig(
    PipelineTaskConfig, pipelineConnections=MergeDefectsConnections
):
    """Configuration of `MergeDefectsTask`."""

    combinationMode = ChoiceField(
        dtype=str,
        default="OR",
        doc="A pixel is defective where this holds of bias, dark and flat.",
        allowed={
            "OR": "Any shows it.",
            "AND": "All show it.",
            "FRACTION": "More than combinationFraction of them show it.",
        },
        optional=False,
    )
    combinationFraction = Field(
        dtype=float, default=0.7, doc="For FRACTION: 0 up to but not including 1."
    )
    edgesAsDefects = Field(
        dtype=bool, default=False, doc="Take the edges of the detector for defects."
    )
    nPixBorderUpDown = Field(dtype=int, default=5, doc="Rows at each edge.")
    nPixBorderLeftRight = Field(dtype=int, default=5, doc="Columns at each edge.")
    doManualDefects = Field(
        dtype=bool, default=True, doc="Add manual_defects, where there are any."
    )
