"""Self-review: instrument signature removal of one exposure, as a user would do it.

Calibrations are found through the repository's default chain, no run named. The output
says in its header which ones the Butler gave; whether they are the new ones is for
whoever asked.
"""

from collections.abc import Mapping
from typing import Any

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

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.pipelines.configs import IsrConfig
from calibrations.pipelines.processing import process_raw, read_calibrations

__all__ = ["SelfReviewConfig", "SelfReviewTask"]

DETECTOR = ("instrument", "exposure", "detector")
NEEDED: Mapping[str, tuple[str, ...]] = {"bias": ("bias",), "dark": ("bias", "dark")}
"""By type of exposure; any other (flat, science) takes all three."""

ALL = ("bias", "dark", "flat")


class SelfReviewConnections(PipelineTaskConnections, dimensions=DETECTOR):
    """A raw and whatever calibrations are in force; the processed exposure out."""

    raw = connectionTypes.Input(
        name="raw",
        doc="Raw exposure in the validity range.",
        storageClass="CcdRaw",
        dimensions=DETECTOR,
    )
    bias = connectionTypes.PrerequisiteInput(
        name="bias",
        doc="Combined bias.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
        deferLoad=True,
    )
    dark = connectionTypes.PrerequisiteInput(
        name="dark",
        doc="Combined dark; not needed by biases.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
        deferLoad=True,
        minimum=0,
    )
    flat = connectionTypes.PrerequisiteInput(
        name="flat",
        doc="Combined flat; not needed by biases and darks.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
        deferLoad=True,
        minimum=0,
    )
    processed = connectionTypes.Output(
        name="selfReviewExp",
        doc="Processed exposure whose header names the calibrations applied.",
        storageClass="CcdImage",
        dimensions=DETECTOR,
    )


class SelfReviewConfig(
    PipelineTaskConfig, IsrConfig, pipelineConnections=SelfReviewConnections
):
    """Configuration of `SelfReviewTask`."""


class SelfReviewTask(PipelineTask):
    """Process one detector of one exposure with the calibrations in force."""

    ConfigClass = SelfReviewConfig
    _DefaultName = "selfReview"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read what the type of exposure needs, process, write."""
        raw: RawFrame = butlerQC.get(inputRefs.raw)
        data_id = inputRefs.raw.dataId
        needed = needed_calibrations(raw.header)
        calibrations = read_calibrations(butlerQC, inputRefs, needed)
        if missing := [kind for kind in needed if kind not in calibrations.refs]:
            raise ImageError(
                f"Exposure {data_id['exposure']}, detector {data_id['detector']}, "
                f"filter {data_id['physical_filter']}: no {' and no '.join(missing)} "
                "is in force at its time in the collections searched."
            )
        frame = process_raw(raw, data_id, calibrations, self.config.isr_settings())
        image = CcdImage(frame.image, frame.mask, frame.variance, frame.header)
        butlerQC.put(Struct(processed=image), outputRefs)


def needed_calibrations(header: Mapping[str, Any]) -> tuple[str, ...]:
    """Say which calibrations an exposure of this type takes."""
    kind = str(header.get("IMGTYPE") or header.get("OBSTYPE") or "").lower()
    return NEEDED.get(kind, ALL)
