"""Generation of biases and darks: raws of one detector in, a calibration out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.imaging.combine import FrameStack, combine_frames
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.isr import IsrSettings, ProcessedFrame, mask_bits
from calibrations.pipelines.applying import RawInputConnections
from calibrations.pipelines.configs import CombineConfig
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    dark_time_s,
    process_raw,
    read_calibrations,
)
from calibrations.pipelines.products import InputFrame, binned, make_product

__all__ = [
    "BiasCombineConfig",
    "BiasCombineTask",
    "CombineTask",
    "DarkCombineConfig",
    "DarkCombineTask",
]

LEFT_OUT = ("SAT", "DETECTED", "INTRP", "NO_DATA")
"""Pixels with any of these planes do not enter a combination. Bad ones do, as
upstream: a hot pixel's dark current is known, and marked."""


class CombineConnections(RawInputConnections, dimensions=("instrument", "detector")):
    """All selected raws of a detector in, one calibration out."""

    combined = connectionTypes.Output(
        name="bias",
        doc="Combined bias, in electrons.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    binned = connectionTypes.Output(
        name="biasBin8",
        doc="The same, binned to look at.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
    )


class DarkCombineConnections(CombineConnections, dimensions=("instrument", "detector")):
    """As for a bias, under the names of a dark."""

    combined = connectionTypes.Output(
        name="dark",
        doc="Combined dark, in electrons per second.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    binned = connectionTypes.Output(
        name="darkBin8",
        doc="The same, binned to look at.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
    )


class BiasCombineConfig(
    PipelineTaskConfig, CombineConfig, pipelineConnections=CombineConnections
):
    """Configuration of `BiasCombineTask`."""


class DarkCombineConfig(
    PipelineTaskConfig, CombineConfig, pipelineConnections=DarkCombineConnections
):
    """Configuration of `DarkCombineTask`."""

    def setDefaults(self) -> None:
        """Subtract the bias, mask the defects (DMTN-222 figure 2)."""
        super().setDefaults()
        self.applies = ["bias", "defects"]


@dataclass
class Stacked:
    """Frames ready to be combined, and what is remembered of them."""

    frames: FrameStack
    boxes: dict[str, Box]
    bad: np.ndarray
    """True where a pixel is bad in every input."""

    inputs: list[InputFrame] = field(default_factory=list)
    variances: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def begin(cls, n_frames: int, first: ProcessedFrame, *, max_bytes: int) -> Self:
        """Make room for frames like the first one."""
        shape = first.image.shape
        return cls(
            FrameStack(n_frames, shape, max_bytes=max_bytes),
            first.boxes,
            np.ones(shape, dtype=bool),
        )


class CombineTask(PipelineTask):
    """Process the raws of a detector and combine them by clipped mean."""

    kind: str
    unit: str
    scale_unit = ""

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, combine, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        outputs = self.run(by_exposure(butlerQC.get(inputRefs.raws)), calibrations)
        butlerQC.put(outputs, outputRefs)

    def run(
        self,
        raws: Sequence[DeferredDatasetHandle],
        calibrations: Calibrations,
        scales: Mapping[int, float] | None = None,
    ) -> Struct:
        """Combine exposures of one detector, in the order given."""
        stacked = self._stack(raws, calibrations, scales)
        combined = combine_frames(
            stacked.frames,
            variances=stacked.variances or None,
            sigma=self.config.clip,
            n_passes=self.config.nIter,
            min_frames=self.config.minInputs,
        )
        product = make_product(
            self.kind,
            combined,
            stacked.inputs,
            stacked.boxes,
            unit=self.unit,
            creation_time=self.config.creationTime,
            levels=self.config.distributionPercentiles,
        )
        assert product.mask is not None, "a product has a mask"
        product.mask[stacked.bad] |= np.uint16(mask_bits("BAD"))
        product.header |= calibrations.cards()
        return Struct(combined=product, binned=binned(product, self.config.binFactor))

    def _stack(
        self,
        raws: Sequence[DeferredDatasetHandle],
        calibrations: Calibrations,
        scales: Mapping[int, float] | None,
    ) -> "Stacked":
        """Process one exposure at a time and keep only what combination needs."""
        few = len(raws) < self.config.maxVisitsToCalcErrorFromInputVariance
        settings = self.config.isr_settings()
        stacked: Stacked | None = None
        for handle in raws:
            frame = self.process(handle, calibrations, settings)
            if stacked is None:
                stacked = Stacked.begin(
                    len(raws), frame, max_bytes=self.config.maxMemory * 1024**2
                )
            exposure = int(handle.dataId["exposure"])
            scale = self.scale(exposure, frame, scales)
            left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
            if scale is None:
                left_out[:] = True
                scale = 1.0
            stacked.frames.add(frame.image, left_out, scale)
            stacked.bad &= (frame.mask & mask_bits("BAD")) > 0
            if few:
                stacked.variances.append(frame.variance / scale**2)
            stacked.inputs.append(
                InputFrame(exposure, frame.header, scale, self.scale_unit)
            )
        if stacked is None:
            raise ImageError(f"There is no raw exposure to make a {self.kind} from.")
        return stacked

    def process(
        self,
        handle: DeferredDatasetHandle,
        calibrations: Calibrations,
        settings: IsrSettings,
    ) -> ProcessedFrame:
        """Remove the signature of one exposure."""
        return process_raw(handle.get(), handle.dataId, calibrations, settings)

    def scale(
        self,
        exposure: int,
        frame: ProcessedFrame,
        scales: Mapping[int, float] | None,
    ) -> float | None:
        """Say by what a frame is divided; None leaves the frame out."""
        return 1.0


class BiasCombineTask(CombineTask):
    """Combine bias exposures."""

    ConfigClass = BiasCombineConfig
    _DefaultName = "cpBiasCombine"
    kind = "bias"
    unit = "electron"


class DarkCombineTask(CombineTask):
    """Combine dark exposures, each divided by its dark time.

    Cosmic rays never fall on the same pixel of many exposures: clipping removes them.
    """

    ConfigClass = DarkCombineConfig
    _DefaultName = "cpDarkCombine"
    kind = "dark"
    unit = "electron/s"
    scale_unit = "s"

    def scale(
        self,
        exposure: int,
        frame: ProcessedFrame,
        scales: Mapping[int, float] | None,
    ) -> float:
        """Divide by the dark time."""
        time = dark_time_s(frame.header)
        if not time > 0:
            raise ImageError(
                f"Exposure {exposure} has a dark time of {time} s, and a dark is per "
                "second."
            )
        return time
