"""Verification of defects: an exposure with and without their mask.

The frame is bias-subtracted and in electrons, neither dark-subtracted nor flat-fielded:
these would take away the hot and the cold pixels that the defects are to mask.
"""

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

from calibrations.imaging.defect_checks import count_cosmic_rays, measure_defects
from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.imaging.isr import ProcessedFrame, mask_bits
from calibrations.pipelines.applying import ApplyConnections
from calibrations.pipelines.configs import ApplyConfig
from calibrations.pipelines.judging import judge
from calibrations.pipelines.processing import (
    Calibrations,
    process_raw,
    read_calibrations,
)
from calibrations.pipelines.products import binned
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verify import mid_exposure_mjd, row_base

__all__ = ["VerifyDefectsTask"]

DETECTOR = ("instrument", "exposure", "detector")
STAGE = "DEFECTS"
CARD = "LSST CALIB DEFECTS"
LEFT_OUT = ("NO_DATA", "SAT")
"""What means nothing whether or not it is a defect."""


class VerifyDefectsConnections(ApplyConnections, dimensions=DETECTOR):
    """A raw, its bias where there is one, and defects in; results out."""

    raw = connectionTypes.Input(
        name="raw",
        doc="Raw exposure to verify on.",
        storageClass="CcdRaw",
        dimensions=DETECTOR,
    )
    stats = connectionTypes.Output(
        name="verifyDefectsDetStats",
        doc="Statistics and verdicts, nested.",
        storageClass="StructuredDataDict",
        dimensions=DETECTOR,
    )
    results = connectionTypes.Output(
        name="verifyDefectsDetResults",
        doc="Statistics and verdicts, a row for each amplifier.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
    )
    tests = connectionTypes.Output(
        name="verifyDefectsDetTests",
        doc="One row for each test, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
    )
    residual = connectionTypes.Output(
        name="verifyDefectsIsrExpBin8",
        doc="The exposure with defects left out, binned to look at.",
        storageClass="CcdImage",
        dimensions=DETECTOR,
    )


class VerifyDefectsConfig(
    PipelineTaskConfig, ApplyConfig, pipelineConnections=VerifyDefectsConnections
):
    """Configuration of `VerifyDefectsTask`."""

    binFactor = Field(dtype=int, default=8, doc="Binning of the picture to look at.")

    def setDefaults(self) -> None:
        """Subtract the bias, which in the order of cp_pipe comes later."""
        super().setDefaults()
        self.applies = ["defects"]
        self.appliesIfThere = ["bias"]


class VerifyDefectsTask(PipelineTask):
    """Look at one detector of one exposure with and without the mask of defects."""

    ConfigClass = VerifyDefectsConfig
    _DefaultName = "cpVerifyDefects"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, verify, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        raw: RawFrame = butlerQC.get(inputRefs.raw)
        butlerQC.put(self.run(raw, inputRefs.raw.dataId, calibrations), outputRefs)

    def run(
        self, raw: RawFrame, data_id: DataCoordinate, calibrations: Calibrations
    ) -> Struct:
        """Verify on one raw exposure of one detector."""
        frame = process_raw(raw, data_id, calibrations, self.config.isr_settings())
        defects = calibrations.defect_mask(raw.shape)
        assert defects is not None, "defects are always applied"
        stats = measure(frame, defects, calibrations.tables["defects"].meta)
        judgement = judge(
            STAGE,
            stats["AMP"],
            detector=int(data_id["detector"]),
            exposure=int(data_id["exposure"]),
        )
        stats["VERIFY"] = judgement.verify
        stats["SUCCESS"] = judgement.success
        picture = CcdImage(frame.image, frame.mask, header=frame.header)
        return Struct(
            stats=stats,
            results=table_from_rows(result_rows(stats, data_id)),
            tests=judgement.tests,
            residual=binned(picture, self.config.binFactor),
        )


def measure(
    frame: ProcessedFrame, defects: np.ndarray, meta: Mapping[str, Any]
) -> dict[str, Any]:
    """Measure every amplifier; the tree has upstream's shape."""
    left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
    amplifiers, n_before, n_after = {}, 0, 0
    for name, box in frame.boxes.items():
        where = box.slices
        image, useless = frame.image[where], left_out[where]
        amplifiers[name] = measure_defects(image, defects[where], useless)
        n_before += count_cosmic_rays(image, useless)
        n_after += count_cosmic_rays(image, useless | defects[where])
    return {
        "AMP": amplifiers,
        "METADATA": {},
        "CATALOG": {},
        "DET": {"NUM_COSMICS_BEFORE": n_before, "NUM_COSMICS_AFTER": n_after},
        "ISR": {
            "MJD": mid_exposure_mjd(frame.header),
            "CALIBDIST": {name: counts(name, meta) for name in frame.boxes},
        },
    }


def counts(amplifier: str, meta: Mapping[str, Any]) -> dict[str, float]:
    """Copy what generation counted; upstream's loop over a *string* copies nothing."""
    copied = {}
    for word in ("N_HOT", "N_COLD", "N_BAD_COLUMNS"):
        value = meta.get(f"{CARD} {amplifier} {word}")
        copied[word] = float("nan") if value is None else float(value)
    return copied


def result_rows(
    stats: Mapping[str, Any], data_id: DataCoordinate
) -> list[dict[str, Any]]:
    """Flatten the tree, verdicts included (upstream leaves these out)."""
    base = row_base(data_id, stats["ISR"]["MJD"])
    rows = []
    for name, measured in stats["AMP"].items():
        row = {**base, "amplifier": name}
        row |= {f"{STAGE}_{key}": float(value) for key, value in measured.items()}
        verify = stats["VERIFY"]["AMP"][name]
        row |= {f"{STAGE}_VERIFY_{key}": value for key, value in verify.items()}
        generated = stats["ISR"]["CALIBDIST"][name]
        row |= {f"{STAGE}_{key}": value for key, value in generated.items()}
        rows.append(row)
    detector = {**base, "amplifier": ""}
    detector |= {f"{STAGE}_{key}": v for key, v in stats["DET"].items()}
    return [*rows, detector]
