"""Self-review: instrument signature removal of one exposure, as a user would do it.

Calibrations are found through the repository's default chain, no run named. What the
kind of exposure takes is applied; what serves only to build others is noted. The output
says in its header which datasets the Butler gave; whether they are the new ones is for
whoever asked.
"""

from collections.abc import Mapping
from typing import Any

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

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.pipelines.configs import IsrConfig
from calibrations.pipelines.processing import Calibrations, process_raw

__all__ = ["SelfReviewConfig", "SelfReviewTask"]

DETECTOR = ("instrument", "exposure", "detector")
APPLIED: Mapping[str, tuple[str, ...]] = {
    "bias": ("ptc", "bias", "defects"),
    "dark": ("ptc", "bias", "dark", "defects"),
}
"""By type of exposure; any other (flat, science) takes all of `ALL`."""

ALL = (
    "ptc",
    "crosstalk",
    "linearizer",
    "cti",
    "bias",
    "dark",
    "defects",
    "bfk",
    "flat",
)
NEEDED: Mapping[str, tuple[str, ...]] = {"bias": ("bias",), "dark": ("bias", "dark")}
"""By type of exposure: what it cannot do without; any other needs `BASIC`."""

BASIC = ("bias", "dark", "flat")
NOTED = (
    "fringe",
    "dark_for_defects",
    "flat_for_defects",
    "biasBootstrap",
    "darkBootstrap",
    "flatBootstrap",
)
"""Applied to no exposure here: which ones are in force is noted all the same."""


def in_force(
    name: str, storage: str = "ArrowAstropy", *, per_filter: bool = False
) -> connectionTypes.PrerequisiteInput:
    """Declare a calibration that may be in force at the exposure's time."""
    dimensions = ("instrument", "detector")
    return connectionTypes.PrerequisiteInput(
        name=name,
        doc=f"The {name} in force, if there is one.",
        storageClass=storage,
        dimensions=(*dimensions, "physical_filter") if per_filter else dimensions,
        isCalibration=True,
        deferLoad=True,
        minimum=0,
    )


class SelfReviewConnections(PipelineTaskConnections, dimensions=DETECTOR):
    """A raw and whatever calibrations are in force; the processed exposure out."""

    raw = connectionTypes.Input(
        name="raw",
        doc="Raw exposure in the validity range.",
        storageClass="CcdRaw",
        dimensions=DETECTOR,
    )
    ptc = in_force("ptc")
    crosstalk = in_force("crosstalk")
    linearizer = in_force("linearizer")
    cti = in_force("cti")
    bfk = in_force("bfk")
    defects = in_force("defects")
    bias = in_force("bias", "CcdImage")
    dark = in_force("dark", "CcdImage")
    flat = in_force("flat", "CcdImage", per_filter=True)
    fringe = in_force("fringe", "CcdImage", per_filter=True)
    dark_for_defects = in_force("dark_for_defects", "CcdImage")
    flat_for_defects = in_force("flat_for_defects", "CcdImage", per_filter=True)
    biasBootstrap = in_force("biasBootstrap", "CcdImage")
    darkBootstrap = in_force("darkBootstrap", "CcdImage")
    flatBootstrap = in_force("flatBootstrap", "CcdImage", per_filter=True)
    processed = connectionTypes.Output(
        name="selfReviewExp",
        doc="Processed exposure whose header names the calibrations found.",
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
        """Read what the type of exposure takes, process, write."""
        raw: RawFrame = butlerQC.get(inputRefs.raw)
        data_id = inputRefs.raw.dataId
        kind = exposure_kind(raw.header)
        applied = APPLIED.get(kind, ALL)
        found = {
            name: handle
            for name, ref in inputRefs
            if name in (*applied, *NOTED)
            and isinstance(handle := butlerQC.get(ref), DeferredDatasetHandle)
        }
        needed = NEEDED.get(kind, BASIC)
        if missing := [name for name in needed if name not in found]:
            raise ImageError(
                f"Exposure {data_id['exposure']}, detector {data_id['detector']}, "
                f"filter {data_id['physical_filter']}: no {' and no '.join(missing)} "
                "is in force at its time in the collections searched."
            )
        calibrations = Calibrations()
        for name, handle in found.items():
            if name in applied:
                calibrations.add(name, handle.get(), handle.ref)
            else:
                calibrations.refs[name] = handle.ref
        frame = process_raw(raw, data_id, calibrations, self.config.isr_settings())
        image = CcdImage(frame.image, frame.mask, frame.variance, frame.header)
        butlerQC.put(Struct(processed=image), outputRefs)


def exposure_kind(header: Mapping[str, Any]) -> str:
    """Say what type of exposure a raw is."""
    return str(header.get("IMGTYPE") or header.get("OBSTYPE") or "").lower()
