"""Generation of biases and darks: raws of one detector in, a calibration out."""

from collections.abc import Mapping, Sequence

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

from calibrations.imaging.combine import FrameStack, combine_frames
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.isr import ProcessedFrame, mask_bits
from calibrations.pipelines.configs import CombineConfig
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
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

LEFT_OUT = ("SAT", "DETECTED", "INTRP", "NO_DATA", "BAD")
"""Pixels with any of these planes do not enter a combination."""


class BiasCombineConnections(
    PipelineTaskConnections, dimensions=("instrument", "detector")
):
    """All selected raws of a detector in, its bias out."""

    raws = connectionTypes.Input(
        name="raw",
        doc="Raw exposures to combine.",
        storageClass="CcdRaw",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
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

    def getTemporalBoundsConnections(self) -> Sequence[str]:
        """Calibrations are looked up at the time of the raws."""
        return ["raws"]


class DarkCombineConnections(
    BiasCombineConnections, dimensions=("instrument", "detector")
):
    """All selected raws of a detector and its bias in, its dark out."""

    bias = connectionTypes.PrerequisiteInput(
        name="bias",
        doc="Bias to subtract.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
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
    PipelineTaskConfig, CombineConfig, pipelineConnections=BiasCombineConnections
):
    """Configuration of `BiasCombineTask`."""


class DarkCombineConfig(
    PipelineTaskConfig, CombineConfig, pipelineConnections=DarkCombineConnections
):
    """Configuration of `DarkCombineTask`."""


class CombineTask(PipelineTask):
    """Process the raws of a detector and combine them by clipped mean."""

    kind: str
    unit: str
    scale_unit = ""
    applies: tuple[str, ...] = ()

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, combine, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.applies)
        outputs = self.run(by_exposure(butlerQC.get(inputRefs.raws)), calibrations)
        butlerQC.put(outputs, outputRefs)

    def run(
        self,
        raws: Sequence[DeferredDatasetHandle],
        calibrations: Calibrations,
        scales: Mapping[int, float] | None = None,
    ) -> Struct:
        """Combine exposures of one detector, in the order given."""
        stack, inputs, variances, boxes = self._stack(raws, calibrations, scales)
        few = len(raws) < self.config.maxVisitsToCalcErrorFromInputVariance
        combined = combine_frames(
            stack,
            variances=variances if few else None,
            sigma=self.config.clip,
            n_passes=self.config.nIter,
            min_frames=self.config.minInputs,
        )
        product = make_product(
            self.kind,
            combined,
            inputs,
            boxes,
            unit=self.unit,
            creation_time=self.config.creationTime,
            levels=self.config.distributionPercentiles,
        )
        product.header |= calibrations.cards()
        return Struct(combined=product, binned=binned(product, self.config.binFactor))

    def _stack(
        self,
        raws: Sequence[DeferredDatasetHandle],
        calibrations: Calibrations,
        scales: Mapping[int, float] | None,
    ) -> tuple[FrameStack, list[InputFrame], list[np.ndarray], dict[str, Box]]:
        """Process one exposure at a time and keep only what combination needs."""
        few = len(raws) < self.config.maxVisitsToCalcErrorFromInputVariance
        settings = self.config.isr_settings()
        stack: FrameStack | None = None
        inputs: list[InputFrame] = []
        variances: list[np.ndarray] = []
        boxes: dict[str, Box] = {}
        for handle in raws:
            frame = process_raw(handle.get(), handle.dataId, calibrations, settings)
            boxes = boxes or frame.boxes
            stack = stack or FrameStack(
                len(raws), frame.image.shape, max_bytes=self.config.maxMemory * 1024**2
            )
            exposure = int(handle.dataId["exposure"])
            scale = self.scale(exposure, frame, scales)
            left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
            if scale is None:
                left_out[:] = True
                scale = 1.0
            stack.add(frame.image, left_out, scale)
            if few:
                variances.append(frame.variance / scale**2)
            inputs.append(InputFrame(exposure, frame.header, scale, self.scale_unit))
        if stack is None:
            raise ImageError(f"There is no raw exposure to make a {self.kind} from.")
        return stack, inputs, variances, boxes

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
    applies = ("bias",)

    def scale(
        self,
        exposure: int,
        frame: ProcessedFrame,
        scales: Mapping[int, float] | None,
    ) -> float:
        """Divide by the dark time."""
        time = frame.header.get("DARKTIME")
        if not time or time <= 0:
            raise ImageError(
                f"Exposure {exposure} has a dark time of {time} s, and a dark is per "
                "second."
            )
        return float(time)
