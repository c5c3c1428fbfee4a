"""Between the Butler and the image code: a raw exposure in, a processed frame out."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DataCoordinate, DatasetRef, DeferredDatasetHandle
from lsst.pipe.base import InputQuantizedConnection, QuantumContext
from lsst.pipe.base.connections import DeferredDatasetRef

from calibrations.butler.camera_policy import site_camera
from calibrations.imaging.brighter_fatter import BrighterFatterKernel
from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.cti import deferred_charge_from_table
from calibrations.imaging.defects import DefectBoxes, mask_defects
from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.imaging.isr import ProcessedFrame, remove_signature
from calibrations.imaging.linearity import Linearizer
from calibrations.imaging.segments import (
    AmplifierConstants,
    IsrSettings,
    SegmentCorrections,
)
from calibrations.pipelines.reading import read_dataset

__all__ = [
    "Calibrations",
    "amplifier_constants",
    "by_exposure",
    "dark_time_s",
    "process_raw",
    "read_calibrations",
]


class Calibrations:
    """The calibrations a quantum applies, and which datasets they are."""

    def __init__(self) -> None:
        self.images: dict[str, CcdImage] = {}
        self.tables: dict[str, Table] = {}
        """Those that are kept amplifier by amplifier, and the defects."""
        self.refs: dict[str, DatasetRef] = {}

    def add(self, kind: str, dataset: CcdImage | Table, ref: DatasetRef) -> None:
        """Take a calibration in."""
        self.refs[kind] = ref
        if isinstance(dataset, CcdImage):
            self.images[kind] = dataset
        else:
            self.tables[kind] = dataset

    def cards(self) -> dict[str, Any]:
        """Header cards naming each calibration, as upstream's IsrTask writes them."""
        cards: dict[str, Any] = {}
        for kind, ref in self.refs.items():
            cards[f"LSST CALIB UUID {kind.upper()}"] = str(ref.id)
            cards[f"LSST CALIB RUN {kind.upper()}"] = ref.run
        return cards

    def segment_corrections(self) -> SegmentCorrections:
        """Give what acts before assembly."""
        tables = self.tables
        return SegmentCorrections(
            crosstalk=CrosstalkMatrix.from_table(tables["crosstalk"])
            if "crosstalk" in tables
            else None,
            linearizers=Linearizer.from_table(tables["linearizer"])
            if "linearizer" in tables
            else None,
            deferred_charge=deferred_charge_from_table(tables["cti"])
            if "cti" in tables
            else None,
        )

    def kernels(self) -> dict[str, BrighterFatterKernel] | None:
        """Give the brighter-fatter kernels, if they are applied."""
        table = self.tables.get("bfk")
        return None if table is None else BrighterFatterKernel.from_table(table)

    def defect_mask(self, shape: tuple[int, int]) -> np.ndarray | None:
        """Give the mask of the defects, if they are applied."""
        table = self.tables.get("defects")
        if table is None:
            return None
        return mask_defects(DefectBoxes.from_table(table), shape)


def read_calibrations(
    context: QuantumContext, inputs: InputQuantizedConnection, kinds: Iterable[str]
) -> Calibrations:
    """Read the calibrations among ``kinds`` that the quantum has."""
    calibrations = Calibrations()
    for kind in kinds:
        ref = getattr(inputs, kind, None)
        if not ref:
            continue
        plain = ref.datasetRef if isinstance(ref, DeferredDatasetRef) else ref
        calibrations.add(kind, read_dataset(context, ref), plain)
    return calibrations


def amplifier_constants(
    data_id: DataCoordinate, ptc: Table | None = None
) -> tuple[dict[str, AmplifierConstants], str]:
    """Give gain, read noise and levels of a detector, and where they are from.

    The photon transfer curve says it where one is applied; until one is built the
    camera model's nominal values hold. An amplifier that the curve could not measure
    keeps its nominal values and is bad.
    """
    instrument = str(data_id["instrument"])
    detector = site_camera(instrument).detector(int(data_id["detector"]))
    constants = {
        name: AmplifierConstants(
            gain=amplifier.gain,
            read_noise_e=amplifier.read_noise_e,
            saturation_adu=amplifier.saturation_adu,
        )
        for name, amplifier in detector.amplifiers.items()
    }
    if ptc is None:
        return constants, f"camera model {instrument}"
    for row in ptc:
        name = str(row["AMPLIFIER_NAME"])
        nominal = constants[name]
        gain, noise = float(row["GAIN"]), float(row["NOISE"])
        turnoff = float(row["PTC_TURNOFF"])
        is_bad = bool(row["BAD"]) or not (np.isfinite(gain) and gain > 0)
        constants[name] = AmplifierConstants(
            gain=nominal.gain if is_bad else gain,
            read_noise_e=noise if np.isfinite(noise) else nominal.read_noise_e,
            saturation_adu=nominal.saturation_adu,
            suspect_adu=turnoff if np.isfinite(turnoff) else float("inf"),
            is_bad=is_bad,
        )
    return constants, "ptc"


def by_exposure(
    handles: Iterable[DeferredDatasetHandle],
) -> list[DeferredDatasetHandle]:
    """Sort by exposure, so that products do not depend on the order of the graph."""
    return sorted(handles, key=lambda handle: int(handle.dataId["exposure"]))


def process_raw(
    raw: RawFrame,
    data_id: DataCoordinate,
    calibrations: Calibrations,
    settings: IsrSettings,
) -> ProcessedFrame:
    """Remove the instrument signature with the calibrations at hand."""
    constants, source = amplifier_constants(data_id, calibrations.tables.get("ptc"))
    frame = remove_signature(
        raw,
        constants,
        constants_source=source,
        corrections=calibrations.segment_corrections(),
        bias=calibrations.images.get("bias"),
        dark=calibrations.images.get("dark"),
        dark_time_s=dark_time_s(raw.header),
        defects=calibrations.defect_mask(raw.shape),
        kernels=calibrations.kernels(),
        flat=calibrations.images.get("flat"),
        settings=settings,
    )
    frame.header |= calibrations.cards()
    return frame


def dark_time_s(header: Mapping[str, Any]) -> float:
    """Time over which dark current gathered, as exposure records have it.

    It is no shorter than the exposure, whatever the header says: some have a DARKTIME
    of 0, or none.
    """
    times = (header.get(keyword) for keyword in ("DARKTIME", "EXPTIME"))
    return max((float(time) for time in times if time is not None), default=0.0)
