"""The focal plane in one picture: mosaics of binned detectors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
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
from calibrations.imaging.frames import CcdImage
from calibrations.imaging.mosaic import PlacedImage, mosaic_focal_plane

__all__ = [
    "MosaicExposureTask",
    "MosaicFilterTask",
    "MosaicTask",
]

KIND = {"source": "biasBin8", "target": "biasMosaic8"}


def binned_input(dimensions: tuple[str, ...]) -> connectionTypes.Input:
    """Declare the binned images of all detectors."""
    return connectionTypes.Input(
        name="{source}",
        doc="Binned image of one detector.",
        storageClass="CcdImage",
        dimensions=(*dimensions, "detector"),
        multiple=True,
    )


def mosaic_output(dimensions: tuple[str, ...]) -> connectionTypes.Output:
    """Declare the mosaic."""
    return connectionTypes.Output(
        name="{target}",
        doc="Focal-plane mosaic of binned images.",
        storageClass="CcdImage",
        dimensions=dimensions,
    )


class MosaicConnections(
    PipelineTaskConnections, dimensions=("instrument",), defaultTemplates=KIND
):
    """Mosaic of a calibration."""

    images = binned_input(("instrument",))
    mosaic = mosaic_output(("instrument",))


class MosaicFilterConnections(
    PipelineTaskConnections,
    dimensions=("instrument", "physical_filter"),
    defaultTemplates=KIND,
):
    """Mosaic of a calibration that differs by filter."""

    images = binned_input(("instrument", "physical_filter"))
    mosaic = mosaic_output(("instrument", "physical_filter"))


class MosaicExposureConnections(
    PipelineTaskConnections,
    dimensions=("instrument", "exposure"),
    defaultTemplates=KIND,
):
    """Mosaic of an exposure."""

    images = binned_input(("instrument", "exposure"))
    mosaic = mosaic_output(("instrument", "exposure"))


class MosaicConfig(PipelineTaskConfig, pipelineConnections=MosaicConnections):
    """Configuration of `MosaicTask`."""


class MosaicFilterConfig(
    PipelineTaskConfig, pipelineConnections=MosaicFilterConnections
):
    """Configuration of `MosaicFilterTask`."""


class MosaicExposureConfig(
    PipelineTaskConfig, pipelineConnections=MosaicExposureConnections
):
    """Configuration of `MosaicExposureTask`."""


class MosaicTask(PipelineTask):
    """Put the binned detectors of a calibration where they are."""

    ConfigClass = MosaicConfig
    _DefaultName = "cpMosaic"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, place, write."""
        refs = sorted(inputRefs.images, key=lambda ref: int(ref.dataId["detector"]))
        instrument = str(refs[0].dataId["instrument"])
        images = {int(ref.dataId["detector"]): butlerQC.get(ref) for ref in refs}
        butlerQC.put(self.run(images, instrument), outputRefs)

    def run(self, images: Mapping[int, CcdImage], instrument: str) -> Struct:
        """Make the mosaic; a detector without an image is a gap."""
        model = camera(instrument)
        placed = []
        header: dict[str, Any] = {}
        for number, image in images.items():
            detector = model.detector(number)
            # Corner rafts are turned on the focal plane.
            turned = np.rot90(image.data, -detector.quarter_turns)
            placed.append(PlacedImage(turned, *detector.box))
            header = header or dict(image.header)
        return Struct(mosaic=CcdImage(mosaic_focal_plane(placed), header=header))


class MosaicFilterTask(MosaicTask):
    """The same for a calibration that differs by filter."""

    ConfigClass = MosaicFilterConfig
    _DefaultName = "cpMosaicFilter"


class MosaicExposureTask(MosaicTask):
    """The same for an exposure."""

    ConfigClass = MosaicExposureConfig
    _DefaultName = "cpMosaicExposure"
