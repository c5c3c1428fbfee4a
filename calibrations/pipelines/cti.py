"""Generation of CTI: raw flats in, the deferred charge of each amplifier out."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from lsst.daf.butler import DataCoordinate, DeferredDatasetHandle
from lsst.pex.config import Field, ListField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.butler.camera_policy import site_camera
from calibrations.imaging.cti import DeferredCharge, deferred_charge_table
from calibrations.imaging.cti_fits import CtiSettings, fit_deferred_charge
from calibrations.imaging.cti_overscan import OverscanProfile, measure_overscan
from calibrations.imaging.frames import RawFrame
from calibrations.imaging.isr import ProcessedFrame, mask_bits
from calibrations.pipelines.applying import BY_DETECTOR, RawInputConnections
from calibrations.pipelines.configs import ApplyConfig
from calibrations.pipelines.processing import (
    Calibrations,
    amplifier_constants,
    by_exposure,
    process_raw,
    read_calibrations,
)
from calibrations.pipelines.readout import readout_view

__all__ = ["CtiConfig", "CtiFlatsConfig", "CtiTask", "gather_profiles"]

LEFT_OUT = ("BAD", "NO_DATA", "SAT")


class CtiConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Flats in, the deferred charge of the detector's amplifiers out."""

    cti_out = connectionTypes.Output(
        name="cti",
        doc="Deferred charge of each amplifier.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        isCalibration=True,
    )


class CtiFlatsConfig(ApplyConfig):
    """Choices of the measurement of flats and of the fit."""

    maxImageMean = Field(
        dtype=float, default=150000.0, doc="Brighter flats are left out (electron)."
    )
    localOffsetColumnRange = ListField(
        dtype=int, default=[3, 13], doc="Overscan columns of the local offset, from 1."
    )
    maxSignalForCti = Field(
        dtype=float, default=10000.0, doc="Flats of the global loss (electron)."
    )
    globalCtiColumnRange = ListField(
        dtype=int, default=[1, 15], doc="Overscan columns of the global loss."
    )
    trapColumnRange = ListField(
        dtype=int, default=[1, 2], doc="Overscan columns of the trap."
    )
    turnoffRange = Field(
        dtype=float, default=1e-5, doc="Largest response looked at for a turnoff."
    )
    doFitTrapE2V = Field(dtype=bool, default=False, doc="Fit a trap on E2V chips too.")

    def cti_settings(self, vendor: str) -> CtiSettings:
        """Give the choices in the form the image code takes."""
        return CtiSettings(
            max_signal_e=self.maxImageMean,
            max_cti_signal_e=self.maxSignalForCti,
            turnoff_range=self.turnoffRange,
            fit_trap=self.doFitTrapE2V or not vendor.upper().startswith("E2V"),
            drift_columns=column_range(self.localOffsetColumnRange),
            cti_columns=column_range(self.globalCtiColumnRange),
            trap_columns=column_range(self.trapColumnRange),
        )


def column_range(ends: Sequence[int]) -> tuple[int, int]:
    """Read first and last overscan column of a fit."""
    return int(ends[0]), int(ends[1])


class CtiConfig(PipelineTaskConfig, CtiFlatsConfig, pipelineConnections=CtiConnections):
    """Configuration of `CtiTask`."""

    def validate(self) -> None:
        """Refuse to measure what has been put back."""
        super().validate()
        if "cti" in self.applicable:
            raise ValueError("CTI is not measured with CTI applied.")


class CtiTask(PipelineTask):
    """Measure what every amplifier's serial register leaves behind."""

    ConfigClass = CtiConfig
    _DefaultName = "cpCtiSolve"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read one flat at a time, fit, write."""
        calibrations = read_calibrations(butlerQC, inputRefs, self.config.applicable)
        handles = butlerQC.get(inputRefs.raws)
        profiles = gather_profiles(handles, calibrations, self.config)
        charges = solve(profiles, handles[0].dataId, calibrations, self.config)
        for one in charges:
            if one.reason:
                self.log.warning("Amplifier %s: %s", one.amplifier, one.reason)
        table = deferred_charge_table(charges, calibrations.cards())
        butlerQC.put(Struct(cti_out=table), outputRefs)


def gather_profiles(
    handles: Sequence[DeferredDatasetHandle],
    calibrations: Calibrations,
    config: ApplyConfig,
) -> dict[str, list[OverscanProfile]]:
    """Measure the overscans of each flat, amplifier by amplifier."""
    settings = dataclasses.replace(config.isr_settings(), keep_segments=True)
    profiles: dict[str, list[OverscanProfile]] = {}
    for handle in by_exposure(handles):
        raw: RawFrame = handle.get()
        frame = process_raw(raw, handle.dataId, calibrations, settings)
        left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
        for name, amplifier in raw.amplifiers.items():
            profile = measure_overscan(
                frame.segments[name],
                amplifier.data_box,
                amplifier.serial_overscan,
                amplifier.parallel_overscan,
                mask=segment_mask(left_out, frame, raw, name),
            )
            profiles.setdefault(name, []).append(profile)
    return profiles


def segment_mask(
    mask: np.ndarray, frame: ProcessedFrame, raw: RawFrame, name: str
) -> np.ndarray:
    """Put an amplifier's mask into its whole segment; the scans are not masked."""
    amplifier = raw.amplifiers[name]
    whole = np.zeros(amplifier.data.shape, bool)
    whole[amplifier.data_box.slices] = readout_view(mask, frame, raw, name)
    return whole


def solve(
    profiles: Mapping[str, Sequence[OverscanProfile]],
    data_id: DataCoordinate,
    calibrations: Calibrations,
    config: CtiFlatsConfig,
) -> list[DeferredCharge]:
    """Fit every amplifier."""
    constants: Mapping[str, Any]
    constants, _ = amplifier_constants(data_id, calibrations.tables.get("ptc"))
    camera = site_camera(str(data_id["instrument"]))
    settings = config.cti_settings(camera.detector(int(data_id["detector"])).vendor)
    charges = []
    for name, flats in profiles.items():
        one = constants[name]
        if one.is_bad:
            why = "bad in the photon transfer curve"
            charges.append(DeferredCharge(name, valid=False, reason=why))
            continue
        charges.append(
            fit_deferred_charge(
                name,
                flats,
                settings=settings,
                turnoff_e=one.suspect_adu * one.gain,
                input_gain=one.gain,
            )
        )
    return charges
