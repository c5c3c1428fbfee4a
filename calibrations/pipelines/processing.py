"""Between the Butler and the image code: a raw exposure in, a processed frame out."""

from collections.abc import Iterable, Mapping
from typing import Any

from lsst.daf.butler import DataCoordinate, DatasetRef, DeferredDatasetHandle
from lsst.pipe.base import InputQuantizedConnection, QuantumContext

from calibrations.domain.cameras import camera
from calibrations.imaging.frames import CcdImage, RawFrame
from calibrations.imaging.isr import (
    AmplifierConstants,
    IsrSettings,
    ProcessedFrame,
    remove_signature,
)

__all__ = [
    "Calibrations",
    "amplifier_constants",
    "by_exposure",
    "process_raw",
    "read_calibrations",
]


class Calibrations:
    """The calibrations a quantum applies, and which datasets they are."""

    def __init__(self) -> None:
        self.images: dict[str, CcdImage] = {}
        self.refs: dict[str, DatasetRef] = {}

    def cards(self) -> dict[str, Any]:
        """Header cards naming each calibration, as upstream's IsrTask writes them."""
        cards: dict[str, Any] = {}
        for kind, ref in self.refs.items():
            cards[f"LSST CALIB UUID {kind.upper()}"] = str(ref.id)
            cards[f"LSST CALIB RUN {kind.upper()}"] = ref.run
        return cards


def read_calibrations(
    context: QuantumContext, inputs: InputQuantizedConnection, kinds: Iterable[str]
) -> Calibrations:
    """Read bias, dark or flat, whichever of ``kinds`` the quantum has."""
    calibrations = Calibrations()
    for kind in kinds:
        ref = getattr(inputs, kind, None)
        if ref is None:
            continue
        calibrations.refs[kind] = ref
        image = context.get(ref)
        is_handle = isinstance(image, DeferredDatasetHandle)
        calibrations.images[kind] = image.get() if is_handle else image
        if is_handle:
            calibrations.refs[kind] = image.ref
    return calibrations


def amplifier_constants(
    data_id: DataCoordinate,
) -> tuple[dict[str, AmplifierConstants], str]:
    """Give gain, read noise and saturation of a detector, and where they are from.

    A photon transfer curve would say better, but it is built after bias, dark and
    flat: until then the camera model's nominal values hold.
    """
    instrument = str(data_id["instrument"])
    detector = camera(instrument).detector(int(data_id["detector"]))
    constants = {
        name: AmplifierConstants(
            gain=amplifier.gain,
            read_noise_e=amplifier.read_noise_e,
            saturation_adu=amplifier.saturation_adu,
        )
        for name, amplifier in detector.amplifiers.items()
    }
    return constants, f"camera model {instrument}"


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
    constants, source = amplifier_constants(data_id)
    frame = remove_signature(
        raw,
        constants,
        constants_source=source,
        bias=calibrations.images.get("bias"),
        dark=calibrations.images.get("dark"),
        dark_time_s=dark_time_s(raw.header),
        flat=calibrations.images.get("flat"),
        settings=settings,
    )
    frame.header |= calibrations.cards()
    return frame


def dark_time_s(header: Mapping[str, Any]) -> float:
    """Time over which dark current gathered; the exposure time where none is told."""
    for keyword in ("DARKTIME", "EXPTIME"):
        if header.get(keyword) is not None:
            return float(header[keyword])
    return 0.0
