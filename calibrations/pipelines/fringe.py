"""Generation of fringe frames: science exposures of one filter in, one image out."""

from collections.abc import Mapping, Sequence

import numpy as np
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pex.config import Config, Field
from lsst.pipe.base import PipelineTaskConfig, Struct, connectionTypes

from calibrations.imaging.errors import ImageError
from calibrations.imaging.fringe import (
    FringeSettings,
    fringe_amplitude,
    relative_sky,
)
from calibrations.imaging.isr import IsrSettings, ProcessedFrame, mask_bits
from calibrations.pipelines.applying import BY_FILTER, RawInputFilterConnections
from calibrations.pipelines.bias_dark import CombineTask
from calibrations.pipelines.configs import CombineConfig
from calibrations.pipelines.processing import Calibrations, process_raw

__all__ = ["FringeCombineConfig", "FringeCombineTask", "FringeOptions"]

LEFT_OUT = ("SAT", "BAD", "NO_DATA", "SUSPECT")
"""Pixels that show no sky."""

SKY_CARD = "LSST FRINGE SKY"
AMPLITUDE_CARD = "LSST FRINGE AMPLITUDE"


class FringeOptions(Config):
    """How sky and sources are told apart."""

    backgroundSigma = Field(
        dtype=float, default=3.0, doc="Clipping of the background, in sigma."
    )
    backgroundPasses = Field(dtype=int, default=3, doc="Clipping passes.")
    detectionSigma = Field(
        dtype=float, default=5.0, doc="Detected is what exceeds this, in sigma."
    )
    detectionSmoothing = Field(
        dtype=float, default=1.0, doc="Sigma of the smoothing before it (pixels)."
    )
    detectionGrow = Field(
        dtype=int, default=8, doc="Pixels added around each detection."
    )

    def fringe_settings(self) -> FringeSettings:
        """Give the choices in the form the image code takes."""
        return FringeSettings(
            sigma=self.backgroundSigma,
            n_passes=self.backgroundPasses,
            detection_sigma=self.detectionSigma,
            smoothing=self.detectionSmoothing,
            n_grow=self.detectionGrow,
        )


class FringeCombineConnections(RawInputFilterConnections, dimensions=BY_FILTER):
    """All selected science raws of a detector and filter in, fringes out."""

    combined = connectionTypes.Output(
        name="fringe",
        doc="Combined fringe frame, in fractions of the sky.",
        storageClass="CcdImage",
        dimensions=BY_FILTER,
        isCalibration=True,
    )
    binned = connectionTypes.Output(
        name="fringeBin8",
        doc="The same, binned to look at.",
        storageClass="CcdImage",
        dimensions=BY_FILTER,
    )


class FringeCombineConfig(
    PipelineTaskConfig,
    CombineConfig,
    FringeOptions,
    pipelineConnections=FringeCombineConnections,
):
    """Configuration of `FringeCombineTask`."""

    def setDefaults(self) -> None:
        """Flatten the sky (DMTN-222 figure 2)."""
        super().setDefaults()
        self.applies = ["bias", "dark", "defects", "flat"]


class FringeCombineTask(CombineTask):
    """Combine science exposures, each brought to fractions of its sky.

    All have the same weight (Unity): fringes grow with the sky.
    """

    ConfigClass = FringeCombineConfig
    _DefaultName = "cpFringeCombine"
    kind = "fringe"
    unit = ""

    def process(
        self,
        handle: DeferredDatasetHandle,
        calibrations: Calibrations,
        settings: IsrSettings,
    ) -> ProcessedFrame:
        """Remove the signature, subtract and divide by the sky, mask what is in it."""
        frame = process_raw(handle.get(), handle.dataId, calibrations, settings)
        exposure = int(handle.dataId["exposure"])
        left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
        try:
            sky = relative_sky(
                frame.image, left_out, settings=self.config.fringe_settings()
            )
        except ImageError as error:
            raise ImageError(f"Exposure {exposure}: {error}") from error
        frame.image = sky.image
        frame.mask[sky.left_out] |= np.uint16(mask_bits("DETECTED"))
        frame.variance /= np.float32(sky.background**2)
        # The planes that keep a pixel out of a fringe frame do not make it a bad one:
        # in another exposure the sky is seen there.
        frame.header[SKY_CARD] = sky.background
        return frame

    def run(
        self,
        raws: Sequence[DeferredDatasetHandle],
        calibrations: Calibrations,
        scales: Mapping[int, float] | None = None,
    ) -> Struct:
        """Combine, and note how strong the fringes are."""
        outputs = super().run(raws, calibrations, scales)
        product = outputs.combined
        bad = (product.mask & mask_bits("BAD", "NO_DATA")) > 0
        amplitude, error = fringe_amplitude(product.data, product.variance, bad)
        product.header[AMPLITUDE_CARD] = amplitude
        product.header[f"{AMPLITUDE_CARD} ERROR"] = error
        return outputs
