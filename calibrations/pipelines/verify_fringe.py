"""Verification of fringe frames: subtract them from a science exposure. Ours."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from lsst.daf.butler import DataCoordinate
from lsst.pex.config import Field
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.imaging.fringe import relative_sky
from calibrations.imaging.fringe_checks import FringeResidual, measure_residual
from calibrations.imaging.isr import mask_bits
from calibrations.pipelines.applying import (
    BY_FILTER,
    ApplyFilterConnections,
    calibration_input,
)
from calibrations.pipelines.configs import ApplyConfig
from calibrations.pipelines.fringe import LEFT_OUT, FringeOptions
from calibrations.pipelines.judging import judge
from calibrations.pipelines.processing import (
    Calibrations,
    process_raw,
    read_calibrations,
)
from calibrations.pipelines.products import binned
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verify import mid_exposure_mjd, row_base

__all__ = ["VerifyFringeTask"]

DETECTOR = ("instrument", "exposure", "detector")
STAGE = "FRINGE"


class VerifyFringeConnections(ApplyFilterConnections, dimensions=DETECTOR):
    """A science raw, its calibrations and a fringe frame in; results out."""

    raw = connectionTypes.Input(
        name="raw",
        doc="Science exposure to verify on.",
        storageClass="CcdRaw",
        dimensions=DETECTOR,
    )
    fringe = calibration_input(
        "fringe", "Fringe frame of the exposure's filter.", "CcdImage", BY_FILTER
    )
    stats = connectionTypes.Output(
        name="verifyFringeDetStats",
        doc="Statistics and verdicts, nested.",
        storageClass="StructuredDataDict",
        dimensions=DETECTOR,
    )
    results = connectionTypes.Output(
        name="verifyFringeDetResults",
        doc="Statistics and verdicts, a row for each amplifier and one for the rest.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
    )
    tests = connectionTypes.Output(
        name="verifyFringeDetTests",
        doc="One row for each test, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
    )
    residual = connectionTypes.Output(
        name="verifyFringeIsrExpBin8",
        doc="The sky without fringes, in fractions of it, binned to look at.",
        storageClass="CcdImage",
        dimensions=DETECTOR,
    )


class VerifyFringeConfig(
    PipelineTaskConfig,
    ApplyConfig,
    FringeOptions,
    pipelineConnections=VerifyFringeConnections,
):
    """Configuration of `VerifyFringeTask`."""

    binFactor = Field(dtype=int, default=8, doc="Binning of the picture to look at.")
    blockSize = Field(
        dtype=int,
        default=4,
        doc="Side of blocks averaged to see fringes above photon noise (pixels).",
    )

    def setDefaults(self) -> None:
        """Flatten the sky, as for the fringe frame itself."""
        super().setDefaults()
        self.applies = ["bias", "dark", "defects", "flat"]


class VerifyFringeTask(PipelineTask):
    """Compare a science exposure with and without its fringes."""

    ConfigClass = VerifyFringeConfig
    _DefaultName = "cpVerifyFringe"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, verify, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        raw: RawFrame = butlerQC.get(inputRefs.raw)
        fringe: CcdImage = butlerQC.get(inputRefs.fringe)
        outputs = self.run(raw, inputRefs.raw.dataId, calibrations, fringe)
        butlerQC.put(outputs, outputRefs)

    def run(
        self,
        raw: RawFrame,
        data_id: DataCoordinate,
        calibrations: Calibrations,
        fringe: CcdImage,
    ) -> Struct:
        """Verify on one science exposure of one detector."""
        frame = process_raw(raw, data_id, calibrations, self.config.isr_settings())
        left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
        if fringe.mask is not None:
            left_out |= (fringe.mask & mask_bits("BAD", "NO_DATA")) > 0
        sky = relative_sky(
            frame.image, left_out, settings=self.config.fringe_settings()
        )
        assert fringe.variance is not None, "a product has a variance"
        found = measure_residual(
            sky,
            frame.variance / np.float32(sky.background**2),
            fringe.data,
            fringe.variance,
            frame.boxes,
            block=self.config.blockSize,
        )
        judgement = judge(
            STAGE,
            found.amplifiers,
            detector=int(data_id["detector"]),
            exposure=int(data_id["exposure"]),
            whole=found.detector,
        )
        stats = {
            "AMP": found.amplifiers,
            "METADATA": {},
            "CATALOG": {},
            "DET": found.detector,
            "ISR": {"MJD": mid_exposure_mjd(frame.header)},
            "VERIFY": judgement.verify,
            "SUCCESS": judgement.success,
        }
        header = {**frame.header, "BUNIT": "1", "LSST ISR UNITS": "dimensionless"}
        frame.mask[sky.left_out] |= np.uint16(mask_bits("NO_DATA"))
        picture = CcdImage(found.image, frame.mask, header=header)
        return Struct(
            stats=stats,
            results=table_from_rows(result_rows(found, stats, data_id)),
            tests=judgement.tests,
            residual=binned(picture, self.config.binFactor),
        )


def result_rows(
    found: FringeResidual, stats: Mapping[str, Any], data_id: DataCoordinate
) -> list[dict[str, Any]]:
    """Flatten: a row for each amplifier, and the detector's own."""
    base = row_base(data_id, stats["ISR"]["MJD"])
    base["physical_filter"] = str(data_id["physical_filter"])
    rows = []
    for name, measured in found.amplifiers.items():
        verify = stats["VERIFY"]["AMP"][name]
        rows.append(
            {**base, "amplifier": name}
            | {f"{STAGE}_{key}": value for key, value in measured.items()}
            | {f"{STAGE}_VERIFY_{key}": value for key, value in verify.items()}
        )
    detector = {**base, "amplifier": ""}
    detector |= {f"{STAGE}_{key}": value for key, value in found.detector.items()}
    passed = stats["VERIFY"]["DET"]
    detector |= {f"{STAGE}_VERIFY_{k}": v for k, v in passed.items() if k != "SUCCESS"}
    return [*rows, detector]
