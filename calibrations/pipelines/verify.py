"""Verification of one detector of one exposure: apply, measure, judge.

The outputs carry the names and the shape of Rubin's ``cp_verify``; the criteria are
those of `calibrations.domain.criteria`. One quantum removes the instrument signature
and measures what is left, so that the full-size image never goes to disk.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.time import Time
from lsst.daf.butler import DataCoordinate
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    QuantumContext,
    Struct,
)

from calibrations.imaging import residuals
from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.imaging.isr import ProcessedFrame
from calibrations.imaging.segments import IsrSettings
from calibrations.pipelines import verify_diagnostics
from calibrations.pipelines.judging import judge
from calibrations.pipelines.processing import (
    Calibrations,
    process_raw,
    read_calibrations,
)
from calibrations.pipelines.products import binned
from calibrations.pipelines.tables import table_from_rows
from calibrations.pipelines.verify_configs import (
    VerifyBiasConfig,
    VerifyDarkConfig,
    VerifyFlatConfig,
)

__all__ = ["VerifyBiasTask", "VerifyDarkTask", "VerifyFlatTask", "VerifyTask"]

Statistics = dict[str, Any]

_CALIBRATIONS = verify_diagnostics.Remembered()
"""Diagnostics of the calibrations that were verified last."""


class VerifyTask(PipelineTask):
    """Apply calibrations to one detector of one exposure and judge what is left."""

    stage: str

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, verify, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        raw: RawFrame = butlerQC.get(inputRefs.raw)
        outputs = self.run(raw, inputRefs.raw.dataId, calibrations)
        butlerQC.put(outputs, outputRefs)

    def run(
        self, raw: RawFrame, data_id: DataCoordinate, calibrations: Calibrations
    ) -> Struct:
        """Verify one raw exposure of one detector."""
        frame = process_raw(raw, data_id, calibrations, self.isr_settings())
        candidate = calibrations.images[self.config.judged]
        exposure, detector = int(data_id["exposure"]), int(data_id["detector"])
        stats = self.measure(frame, candidate)
        judgement = judge(
            self.stage,
            self.judged_numbers(stats, frame, candidate),
            detector=detector,
            exposure=exposure,
            whole=stats["DET"] or None,
        )
        stats["VERIFY"] = judgement.verify
        stats["SUCCESS"] = judgement.success
        extra = self.extra_columns(frame, stats)
        if self.config.doDiagnostics:
            ref = calibrations.refs.get(self.config.judged)
            more = _CALIBRATIONS.get(
                ref and ref.id, lambda: self.calibration_columns(frame, candidate)
            )
            for columns in (self.exposure_columns(frame, raw), more):
                for name, values in columns.items():
                    extra[name] |= {f"{self.stage}_{k}": v for k, v in values.items()}
        picture = CcdImage(frame.image, frame.mask, header=frame.header)
        return Struct(
            stats=stats,
            results=table_from_rows(self.result_rows(stats, data_id, extra)),
            tests=judgement.tests,
            residual=binned(picture, self.config.binFactor),
            **self.extra_outputs(frame, detector),
        )

    def isr_settings(self) -> IsrSettings:
        """Give the choices of signature removal."""
        return self.config.isr_settings()

    def exposure_columns(
        self, frame: ProcessedFrame, raw: RawFrame
    ) -> dict[str, dict[str, float]]:
        """Give diagnostics of the exposure, by amplifier."""
        return verify_diagnostics.exposure_columns(frame, raw, is_flat=False)

    def calibration_columns(
        self, frame: ProcessedFrame, candidate: CcdImage
    ) -> dict[str, dict[str, float]]:
        """Give diagnostics of the calibration, by amplifier; made once for all."""
        return {}

    def measure(self, frame: ProcessedFrame, candidate: CcdImage) -> Statistics:
        """Measure the frame; the tree has upstream's shape."""
        return {
            "AMP": self.measure_amplifiers(frame),
            "METADATA": {"READ_NOISE_ADU": dict(frame.overscan_stdev_adu)},
            "CATALOG": {},
            "DET": {},
            "ISR": {
                "MJD": mid_exposure_mjd(frame.header),
                "CALIBDIST": self.distributions(frame, candidate),
                "BIASSHIFT": residuals.bias_shifts(frame),
            },
        }

    def measure_amplifiers(
        self, frame: ProcessedFrame
    ) -> dict[str, dict[str, float | bool]]:
        """Measure mean and noise, with and without cosmic rays."""
        return residuals.measure_amplifiers(frame, clean_cosmic_rays=True)

    def judged_numbers(
        self, stats: Statistics, frame: ProcessedFrame, candidate: CcdImage
    ) -> dict[str, dict[str, float]]:
        """Give what the criteria of amplifiers ask for."""
        n_inputs = float(candidate.header.get("NCOMBINE") or 0)
        return {
            name: {
                **{key: float(value) for key, value in measured.items()},
                "READ_NOISE": frame.header[f"LSST ISR READNOISE {name}"],
                "GAIN": frame.header[f"LSST ISR GAIN {name}"],
                "READ_NOISE_ADU": frame.overscan_stdev_adu[name],
                "N_INPUTS": n_inputs,
            }
            for name, measured in stats["AMP"].items()
        }

    def distributions(
        self, frame: ProcessedFrame, candidate: CcdImage
    ) -> dict[str, dict[str, float]]:
        """Copy the percentiles that the calibration's header gives."""
        copied: dict[str, dict[str, float]] = {}
        for name in frame.boxes:
            prefix = f"LSST CALIB {self.stage} {name} DISTRIBUTION"
            keys = [
                f"{prefix} {float(level)}-PCT"
                for level in self.config.expectedDistributionLevels
            ]
            copied[name] = {key: number(candidate.header.get(key)) for key in keys}
        return copied

    def extra_columns(
        self, frame: ProcessedFrame, stats: Statistics
    ) -> dict[str, dict[str, Any]]:
        """Give shifts of the level and, if asked for, profiles and spectra.

        Only the table keeps those: the tree would grow by thousands of numbers.
        """
        shifts = stats["ISR"]["BIASSHIFT"]
        columns: dict[str, dict[str, Any]] = {
            name: {
                f"{self.stage}_BIAS_SHIFT_COUNT": len(shifts[name]["BIAS_SHIFTS"]),
                f"{self.stage}_BIAS_SHIFT_NOISE": shifts[name]["LOCAL_NOISE"],
            }
            for name in frame.boxes
        }
        if self.config.doProfiles:
            for name, (serial, parallel) in padded_profiles(frame).items():
                columns[name][f"{self.stage}_SERIAL_PROF"] = serial
                columns[name][f"{self.stage}_PARALLEL_PROF"] = parallel
            for name, power in residuals.noise_spectra(frame).items():
                columns[name][f"{self.stage}_NOISE_SPECTRUM"] = power
        return columns

    def extra_outputs(self, frame: ProcessedFrame, detector: int) -> dict[str, Any]:
        """Give further outputs."""
        return {}

    def result_rows(
        self,
        stats: Statistics,
        data_id: DataCoordinate,
        extra: Mapping[str, Mapping[str, Any]],
    ) -> list[dict[str, Any]]:
        """Flatten the tree, with upstream's column names."""
        base = row_base(data_id, stats["ISR"]["MJD"])
        levels = self.config.expectedDistributionLevels
        rows = []
        for name, measured in stats["AMP"].items():
            row = {**base, "amplifier": name}
            row |= {
                f"{self.stage}_{key}": value
                for key, value in measured.items()
                if key != "FORCE_FAILURE"
            }
            verify = stats["VERIFY"]["AMP"][name]
            row |= {f"{self.stage}_VERIFY_{key}": v for key, v in verify.items()}
            read_noise = stats["METADATA"]["READ_NOISE_ADU"][name]
            row[f"{self.stage}_READ_NOISE_ADU"] = read_noise
            values = stats["ISR"]["CALIBDIST"][name].values()
            for level, value in zip(levels, values, strict=True):
                # Upstream names the stage twice here.
                column = f"{self.stage}_{self.stage}_DIST_{float(level)}_PCT"
                row[column] = value
            rows.append(row | dict(extra.get(name, {})))
        return rows


class VerifyBiasTask(VerifyTask):
    """Verify a bias: what is left has no level and only the read noise."""

    ConfigClass = VerifyBiasConfig
    _DefaultName = "cpVerifyBias"
    stage = "BIAS"

    def measure_amplifiers(
        self, frame: ProcessedFrame
    ) -> dict[str, dict[str, float | bool]]:
        """Measure the readout corner as well."""
        return residuals.measure_amplifiers(
            frame, clean_cosmic_rays=True, corner_size=self.config.ampCornerBoxSize
        )

    def extra_outputs(self, frame: ProcessedFrame, detector: int) -> dict[str, Any]:
        """Add the correlation of amplifiers."""
        pairs = residuals.amplifier_correlations(frame)
        rows = [{"detector": detector, "detectorComp": detector, **p} for p in pairs]
        return {"matrix": table_from_rows(rows)}


class VerifyDarkTask(VerifyTask):
    """Verify a dark: what is left has no level and only the read noise."""

    ConfigClass = VerifyDarkConfig
    _DefaultName = "cpVerifyDark"
    stage = "DARK"

    def calibration_columns(
        self, frame: ProcessedFrame, candidate: CcdImage
    ) -> dict[str, dict[str, float]]:
        """Count bright columns and pixels of the combined dark."""
        return verify_diagnostics.dark_defect_columns(frame, candidate)


class VerifyFlatTask(VerifyTask):
    """Verify a flat: what is left is even, with the noise of photons and readout."""

    ConfigClass = VerifyFlatConfig
    _DefaultName = "cpVerifyFlat"
    stage = "FLAT"

    def isr_settings(self) -> IsrSettings:
        """Keep the segments: what is left behind is in their overscans."""
        settings = self.config.isr_settings()
        return replace(settings, keep_segments=self.config.doDiagnostics)

    def exposure_columns(
        self, frame: ProcessedFrame, raw: RawFrame
    ) -> dict[str, dict[str, float]]:
        """Measure the edge responses and the means of rows as well."""
        return verify_diagnostics.exposure_columns(frame, raw, is_flat=True)

    def calibration_columns(
        self, frame: ProcessedFrame, candidate: CcdImage
    ) -> dict[str, dict[str, float]]:
        """Look for dark columns and tearing of the combined flat."""
        return verify_diagnostics.flat_columns(frame, candidate)

    def measure_amplifiers(
        self, frame: ProcessedFrame
    ) -> dict[str, dict[str, float | bool]]:
        """Measure mean and noise; cosmic rays do not matter on a flat."""
        return residuals.measure_amplifiers(frame, clean_cosmic_rays=False)

    def measure(self, frame: ProcessedFrame, candidate: CcdImage) -> Statistics:
        """Compare the amplifiers of the detector as well."""
        stats = super().measure(frame, candidate)
        stats["DET"] = residuals.detector_statistics(stats["AMP"])
        return stats

    def result_rows(
        self,
        stats: Statistics,
        data_id: DataCoordinate,
        extra: Mapping[str, Mapping[str, Any]],
    ) -> list[dict[str, Any]]:
        """Add the detector's own row, which names no amplifier."""
        rows = super().result_rows(stats, data_id, extra)
        band = {"physical_filter": str(data_id["physical_filter"])}
        detector = row_base(data_id, stats["ISR"]["MJD"]) | {"amplifier": ""}
        for key, value in stats["DET"].items():
            detector[f"FLAT_DET_{key}"] = value
        for key, value in stats["VERIFY"]["DET"].items():
            if key != "SUCCESS":
                detector[f"FLAT_DET_VERIFY_{key}"] = value
        return [row | band for row in (*rows, detector)]


def row_base(data_id: DataCoordinate, mjd: float) -> dict[str, Any]:
    """Columns that name the detector and exposure."""
    return {
        "instrument": str(data_id["instrument"]),
        "exposure": int(data_id["exposure"]),
        "detector": int(data_id["detector"]),
        "mjd": mjd,
    }


def padded_profiles(frame: ProcessedFrame) -> dict[str, Any]:
    """Pad profiles to one length, as upstream does."""
    profiles = residuals.projections(frame)
    length = max(vector.size for pair in profiles.values() for vector in pair)
    return {
        name: tuple(
            np.pad(vector, (0, length - vector.size), constant_values=np.nan)
            for vector in pair
        )
        for name, pair in profiles.items()
    }


def mid_exposure_mjd(header: Mapping[str, Any]) -> float:
    """Time of the exposure: the middle of it, or its begin, in TAI."""
    times = [
        Time(header[key], format="isot", scale="tai").mjd
        for key in ("DATE-BEG", "DATE-END")
        if header.get(key)
    ]
    return float(sum(times) / len(times)) if times else float("nan")


def number(value: Any) -> float:
    """Read a header value; a card without a value is not a number."""
    return float("nan") if value is None else float(value)
