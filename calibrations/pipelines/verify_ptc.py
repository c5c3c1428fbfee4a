"""Verification of photon transfer curves: the table itself is judged.

Reference gain and noise are those of the camera model (DMTN-101). Names are those of
Rubin's ``cp_verify``, whose columns carry the stage's prefix twice.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DataCoordinate
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

from calibrations.butler.camera_policy import site_camera
from calibrations.domain.cameras import Detector
from calibrations.domain.criteria.ptc import A00_RANGES
from calibrations.imaging.ptc import PhotonTransferCurve
from calibrations.imaging.ptc_checks import (
    covariance_lines,
    noise_chi_squared,
    row_mean_variance_slope,
)
from calibrations.pipelines.applying import calibration_input, raws_input
from calibrations.pipelines.judging import judge
from calibrations.pipelines.reading import read_dataset
from calibrations.pipelines.tables import table_from_rows

__all__ = ["VerifyPtcTask", "calibration_outputs", "vendor_of"]

BY_DETECTOR = ("instrument", "detector")
STAGE = "PTC"


def calibration_outputs(stage: str) -> dict[str, connectionTypes.Output]:
    """Declare statistics, results and tests of a detector without an exposure."""
    kinds = {
        "stats": ("Stats", "Statistics and verdicts, nested.", "StructuredDataDict"),
        "results": ("Results", "Statistics and verdicts as rows.", "ArrowAstropy"),
        "tests": ("Tests", "One row for each test, with its limit.", "ArrowAstropy"),
    }
    return {
        name: connectionTypes.Output(
            name=f"verify{stage}Det{kind}",
            doc=doc,
            storageClass=storage,
            dimensions=BY_DETECTOR,
        )
        for name, (kind, doc, storage) in kinds.items()
    }


class VerifyPtcConnections(PipelineTaskConnections, dimensions=BY_DETECTOR):
    """The curve in; statistics, results and tests out."""

    raws = raws_input()
    ptc = calibration_input("ptc", "Curve to verify.", "ArrowAstropy")
    locals().update(calibration_outputs("Ptc"))

    def getTemporalBoundsConnections(self) -> list[str]:
        """Look the curve up at the time of the raws."""
        return ["raws"]


class VerifyPtcConfig(PipelineTaskConfig, pipelineConnections=VerifyPtcConnections):
    """Configuration of `VerifyPtcTask`."""


class VerifyPtcTask(PipelineTask):
    """Judge the photon transfer curves of a detector."""

    ConfigClass = VerifyPtcConfig
    _DefaultName = "cpVerifyPtc"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, verify, write."""
        ptc = read_dataset(butlerQC, inputRefs.ptc)
        butlerQC.put(self.run(ptc, inputRefs.ptc.dataId), outputRefs)

    def run(self, ptc: Table, data_id: DataCoordinate) -> Struct:
        """Verify the table of one detector."""
        instrument, detector_id = str(data_id["instrument"]), int(data_id["detector"])
        detector = site_camera(instrument).detector(detector_id)
        vendor = vendor_of(ptc.meta, detector)
        curves = PhotonTransferCurve.from_table(ptc)
        scalars = {
            name: measure_curve(curve, detector) for name, curve in curves.items()
        }
        low, high = A00_RANGES.get(vendor, (float("nan"), float("nan")))
        limits = {"A00_MIN": low, "A00_MAX": high}
        judgement = judge(
            STAGE,
            {name: {**values, **limits} for name, values in scalars.items()},
            detector=detector_id,
        )
        stats = {
            "AMP": {name: dict(values) for name, values in scalars.items()},
            "METADATA": {"VENDOR": vendor},
            "CATALOG": {},
            "DET": {},
            "ISR": {},
            "VERIFY": dict(judgement.verify),
            "SUCCESS": judgement.success,
        }
        rows = []
        for name, curve in curves.items():
            row: dict[str, Any] = {
                "instrument": instrument,
                "detector": detector_id,
                "amplifier": name,
            }
            columns = {**scalars[name], **vectors(curve)}
            row |= {f"{STAGE}_{key}": value for key, value in columns.items()}
            verify = judgement.verify["AMP"][name]
            row |= {f"{STAGE}_VERIFY_{key}": value for key, value in verify.items()}
            row[f"{STAGE}_PTC_FIT_TYPE"] = curve.fit_type.value
            row[f"{STAGE}_PTC_REASON"] = curve.reason
            rows.append(row)
        return Struct(stats=stats, results=table_from_rows(rows), tests=judgement.tests)


def measure_curve(curve: PhotonTransferCurve, detector: Detector) -> dict[str, float]:
    """Give the numbers of one amplifier that are compared or shown."""
    nominal = detector.amplifiers[curve.amplifier]
    chi_squared, n_pairs = noise_chi_squared(curve)
    finite = curve.raw_means_adu[np.isfinite(curve.raw_means_adu)]
    values = {
        "PTC_GAIN": curve.gain,
        "AMP_GAIN": float(nominal.gain),
        "PTC_NOISE": curve.noise_e,
        "AMP_NOISE": float(nominal.read_noise_e),
        "PTC_TURNOFF": curve.turnoff_adu,
        "PTC_BFE_A00": curve.a00,
        "PTC_MAX_RAW_MEANS": float(finite.max()) if finite.size else float("nan"),
        "PTC_ROW_MEAN_VARIANCE_SLOPE": row_mean_variance_slope(curve),
        "NOISE_CHI_SQUARED": chi_squared,
        "N_PAIRS": float(n_pairs),
    }
    for lag, line in covariance_lines(curve).items():
        prefix = f"PTC_COV_{lag}_FIT"
        values[f"{prefix}_SLOPE"] = line.slope
        values[f"{prefix}_OFFSET"] = line.offset
        values[f"{prefix}_SUCCESS"] = float(line.success)
    return values


def vectors(curve: PhotonTransferCurve) -> dict[str, np.ndarray]:
    """Give the columns that have a value for each pair."""
    used = curve.used
    columns = {
        "PTC_RAW_MEANS": curve.raw_means_adu,
        "PTC_RAW_VARIANCE": curve.raw_variances_adu2,
        "PTC_FINAL_MEANS": np.where(used, curve.raw_means_adu, np.nan),
        "PTC_FINAL_VARIANCE": np.where(used, curve.raw_variances_adu2, np.nan),
        "PTC_ROW_MEAN_VARIANCE": curve.row_mean_variances_adu2,
        "PTC_EXP_ID_MASK": used.astype(np.float64),
    }
    for lag in covariance_lines(curve):
        i, j = int(lag[0]), int(lag[1])
        columns[f"PTC_COV_{lag}"] = curve.covariances_adu2[:, i, j]
    return columns


def vendor_of(meta: Mapping[str, Any], detector: Detector) -> str:
    """Tell the maker: the serial number's first word, else the camera model's."""
    serial = str(meta.get("DET_SER") or meta.get("LSST_NUM") or "")
    vendor = serial.split("-", maxsplit=1)[0].upper()
    return vendor if vendor in A00_RANGES else detector.vendor.upper()
