"""Generation of flats: measure every exposure, find its brightness, combine.

Three tasks, because the brightness of an exposure is that of the whole focal plane.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from lsst.daf.butler import DeferredDatasetHandle
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

from calibrations.imaging.flats import measure_flat, normalise_flats
from calibrations.imaging.isr import IsrSettings, ProcessedFrame, mask_bits
from calibrations.pipelines.applying import RawInputFilterConnections
from calibrations.pipelines.bias_dark import LEFT_OUT, CombineTask
from calibrations.pipelines.configs import ApplyConfig, CombineConfig
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    process_raw,
    read_calibrations,
)

__all__ = [
    "FlatCombineConfig",
    "FlatCombineTask",
    "FlatMeasureConfig",
    "FlatMeasureTask",
    "FlatNormalizeConfig",
    "FlatNormalizeTask",
]

BY_DETECTOR = ("instrument", "detector", "physical_filter")


class FlatMeasureConnections(RawInputFilterConnections, dimensions=BY_DETECTOR):
    """The level of every flat, for each detector."""

    statistics = connectionTypes.Output(
        name="cpFlatStatistics",
        doc="Level of each exposure, by exposure id.",
        storageClass="StructuredDataDict",
        dimensions=BY_DETECTOR,
    )


FLAT_APPLIES = ["bias", "dark", "defects"]
"""DMTN-222 figure 2."""

FLAT_APPLIES_IF_THERE = ["ptc"]
"""Gains that were measured scale the amplifiers against one another."""


class FlatMeasureConfig(
    PipelineTaskConfig, ApplyConfig, pipelineConnections=FlatMeasureConnections
):
    """Configuration of `FlatMeasureTask`."""

    def setDefaults(self) -> None:
        """Subtract bias and dark, mask the defects."""
        super().setDefaults()
        self.applies = FLAT_APPLIES
        self.appliesIfThere = FLAT_APPLIES_IF_THERE


class FlatMeasureTask(PipelineTask):
    """Measure the level of each flat, on the detector and on each amplifier."""

    ConfigClass = FlatMeasureConfig
    _DefaultName = "cpFlatMeasure"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read one exposure at a time and measure it."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        settings = self.config.isr_settings()
        statistics: dict[int, dict[str, float | int]] = {}
        for handle in by_exposure(butlerQC.get(inputRefs.raws)):
            frame = self.process(handle, calibrations, settings)
            left_out = (frame.mask & mask_bits(*LEFT_OUT, "BAD")) > 0
            exposure = int(handle.dataId["exposure"])
            statistics[exposure] = measure_flat(frame.image, left_out, frame.boxes)
        butlerQC.put(Struct(statistics=statistics), outputRefs)

    def process(
        self,
        handle: DeferredDatasetHandle,
        calibrations: Calibrations,
        settings: IsrSettings,
    ) -> ProcessedFrame:
        """Remove the signature of one exposure."""
        return process_raw(handle.get(), handle.dataId, calibrations, settings)


class FlatNormalizeConnections(
    PipelineTaskConnections, dimensions=("instrument", "physical_filter")
):
    """Levels of all detectors in, one scale for each exposure out."""

    statistics = connectionTypes.Input(
        name="cpFlatStatistics",
        doc="Level of each exposure on one detector.",
        storageClass="StructuredDataDict",
        dimensions=BY_DETECTOR,
        multiple=True,
    )
    scales = connectionTypes.Output(
        name="cpFlatNormalizeScales",
        doc="Brightness of each exposure (electrons) and response of each detector.",
        storageClass="StructuredDataDict",
        dimensions=("instrument", "physical_filter"),
    )


class FlatNormalizeConfig(
    PipelineTaskConfig, pipelineConnections=FlatNormalizeConnections
):
    """Configuration of `FlatNormalizeTask`."""


class FlatNormalizeTask(PipelineTask):
    """Separate the brightness of exposures from the response of detectors."""

    ConfigClass = FlatNormalizeConfig
    _DefaultName = "cpFlatNormalize"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Normalise over the detectors that were measured."""
        refs = sorted(inputRefs.statistics, key=lambda ref: int(ref.dataId["detector"]))
        by_detector = {int(ref.dataId["detector"]): butlerQC.get(ref) for ref in refs}
        butlerQC.put(self.run(by_detector), outputRefs)

    def run(self, by_detector: dict[int, dict[int, dict[str, Any]]]) -> Struct:
        """Solve for E and G.

        An exposure that no detector could measure (saturated throughout) has no
        scale, and is left out of the combination.
        """
        exposures = sorted({e for levels in by_detector.values() for e in levels})
        missing: dict[str, Any] = {"DETECTOR_MEDIAN": float("nan"), "DETECTOR_N": 0}
        table = [
            [levels.get(exposure, missing) for exposure in exposures]
            for levels in by_detector.values()
        ]
        scales = normalise_flats(
            np.array([[cell["DETECTOR_MEDIAN"] for cell in row] for row in table]),
            np.array([[cell["DETECTOR_N"] for cell in row] for row in table]),
        )
        return Struct(
            scales={
                "expScale": dict(zip(exposures, scales.exposure.tolist(), strict=True)),
                "detScale": dict(
                    zip(by_detector, scales.detector.tolist(), strict=True)
                ),
            }
        )


class FlatCombineConnections(RawInputFilterConnections, dimensions=BY_DETECTOR):
    """Raws and scales in, the detector's flat out."""

    scales = connectionTypes.Input(
        name="cpFlatNormalizeScales",
        doc="Brightness of each exposure, in electrons.",
        storageClass="StructuredDataDict",
        dimensions=("instrument", "physical_filter"),
    )
    combined = connectionTypes.Output(
        name="flat",
        doc="Combined flat, 1 on average over the focal plane.",
        storageClass="CcdImage",
        dimensions=BY_DETECTOR,
        isCalibration=True,
    )
    binned = connectionTypes.Output(
        name="flatBin8",
        doc="The same, binned to look at.",
        storageClass="CcdImage",
        dimensions=BY_DETECTOR,
    )


class FlatCombineConfig(
    PipelineTaskConfig, CombineConfig, pipelineConnections=FlatCombineConnections
):
    """Configuration of `FlatCombineTask`."""

    def setDefaults(self) -> None:
        """Subtract bias and dark, mask the defects."""
        super().setDefaults()
        self.applies = FLAT_APPLIES
        self.appliesIfThere = FLAT_APPLIES_IF_THERE


class FlatCombineTask(CombineTask):
    """Combine flats, each divided by its brightness over the focal plane.

    One number divides an exposure on all detectors, so the flat keeps the
    detector-to-detector shape.
    """

    ConfigClass = FlatCombineConfig
    _DefaultName = "cpFlatCombine"
    kind = "flat"
    unit = ""
    scale_unit = "electron"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read the scales, then as for any combination."""
        scales: dict[int, float] = butlerQC.get(inputRefs.scales)["expScale"]
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        raws = by_exposure(butlerQC.get(inputRefs.raws))
        butlerQC.put(self.run(raws, calibrations, scales), outputRefs)

    def scale(
        self,
        exposure: int,
        frame: ProcessedFrame,
        scales: Mapping[int, float] | None,
    ) -> float | None:
        """Divide by E; leave out an exposure that has none."""
        scale = (scales or {})[exposure]
        return scale if np.isfinite(scale) else None
