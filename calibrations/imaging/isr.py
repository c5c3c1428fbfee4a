"""Instrument signature removal: from counts as read to electrons. NumPy in and out.

The order is that of Rubin's ``IsrTaskLSST`` for the steps that need no calibration we
do not build yet: serial overscan, saturation, gain, parallel overscan, assembly, bias,
dark, masking of what is not finite, variance, flat. Integer counts are *not* dithered
(upstream's step 3): the same input gives the same output, to the byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import (
    MASK_PLANES,
    Box,
    CcdImage,
    RawAmplifier,
    RawFrame,
    amplifier_boxes,
    assemble,
)
from calibrations.imaging.overscan import (
    Overscan,
    subtract_parallel_overscan,
    subtract_serial_overscan,
)

__all__ = [
    "AmplifierConstants",
    "IsrSettings",
    "ProcessedFrame",
    "mask_bits",
    "remove_signature",
]


@dataclass(frozen=True)
class AmplifierConstants:
    """What must be known of an amplifier to turn counts into electrons."""

    gain: float
    """Electrons per ADU."""

    read_noise_e: float
    """Nominal read noise, in electrons."""

    saturation_adu: float
    """Level above the overscan from which a pixel is saturated."""


@dataclass(frozen=True)
class IsrSettings:
    """Choices of the overscan fit."""

    overscan_skip: int = 3
    """Overscan columns (rows) left out at each side."""

    overscan_sigma: float = 3.0
    do_parallel_overscan: bool = True
    parallel_max_deviation_adu: float = 100.0


@dataclass
class ProcessedFrame:
    """One detector of one exposure with its signature removed."""

    image: np.ndarray
    """Electrons (after a flat: electrons of the mean response), float32."""

    mask: np.ndarray
    """Bit planes of `MASK_PLANES`, uint16."""

    variance: np.ndarray
    """Electrons squared, float32."""

    boxes: dict[str, Box]
    """Amplifiers in ``image``."""

    header: dict[str, Any]
    """Raw header and what was done, as ``LSST ISR`` cards."""

    overscan_stdev_adu: dict[str, float]
    """Scatter left in each amplifier's serial overscan."""

    serial_overscans: dict[str, Overscan] = field(repr=False)
    """The serial fits, for statistics of the overscan itself."""

    readout_corners: dict[str, tuple[bool, bool]] = field(repr=False)
    """Whether an amplifier is read at its upper end in x, and in y, of ``image``."""


def mask_bits(*planes: str) -> int:
    """Join mask planes into one integer."""
    return sum(1 << MASK_PLANES[plane] for plane in planes)


def remove_signature(
    raw: RawFrame,
    constants: Mapping[str, AmplifierConstants],
    *,
    constants_source: str,
    bias: CcdImage | None = None,
    dark: CcdImage | None = None,
    dark_time_s: float = 0.0,
    flat: CcdImage | None = None,
    settings: IsrSettings | None = None,
) -> ProcessedFrame:
    """Remove the instrument's signature from one detector of one exposure.

    Parameters
    ----------
    raw
        Counts as read.
    constants
        Gain and read noise of every amplifier of ``raw``.
    constants_source
        Where they come from, for the header.
    bias
        In electrons; subtracted.
    dark, dark_time_s
        In electrons per second; times the dark time, subtracted.
    flat
        Dimensionless; divided by. Not positive pixels become ``NO_DATA``.
    settings
        Choices of the overscan fit.
    """
    settings = settings or IsrSettings()
    if missing := set(raw.amplifiers) - set(constants):
        raise ImageError(
            f"Amplifiers {', '.join(sorted(missing))} of the raw frame are not in "
            f"{constants_source}."
        )
    frame = _assemble(raw, constants, settings)
    frame.header |= _constants_cards(constants, constants_source)
    if bias is not None:
        _check_shape("bias", bias, frame)
        frame.image -= bias.data
        _join_mask(frame, bias)
    if dark is not None:
        _check_shape("dark", dark, frame)
        if not np.isfinite(dark_time_s) or dark_time_s < 0:
            raise ImageError(f"A dark time of {dark_time_s} s cannot scale a dark.")
        frame.image -= dark.data * np.float32(dark_time_s)
        _join_mask(frame, dark)
    frame.mask[~np.isfinite(frame.image)] |= mask_bits("NO_DATA")
    frame.variance += np.nan_to_num(np.maximum(frame.image, 0.0))
    if flat is not None:
        _check_shape("flat", flat, frame)
        _divide_by_flat(frame, flat)
    return frame


def _assemble(
    raw: RawFrame, constants: Mapping[str, AmplifierConstants], settings: IsrSettings
) -> ProcessedFrame:
    """Overscan, saturation, gain and assembly; the variance holds the read noise."""
    trimmed: dict[str, np.ndarray] = {}
    saturated: dict[str, np.ndarray] = {}
    header: dict[str, Any] = {
        **raw.header,
        "BUNIT": "electron",
        "LSST ISR UNITS": "electron",
    }
    serial: dict[str, Overscan] = {}
    stdev: dict[str, float] = {}
    for name, amplifier in raw.amplifiers.items():
        gain = constants[name].gain
        serial[name] = subtract_serial_overscan(
            amplifier.data,
            amplifier.serial_overscan,
            n_skip=settings.overscan_skip,
            sigma=settings.overscan_sigma,
        )
        stdev[name] = serial[name].residual_stdev
        header |= _overscan_cards("SERIAL", name, serial[name], "adu")
        header[f"LSST ISR OVERSCAN RESIDUAL SERIAL STDEV {name}"] = stdev[name]
        data = serial[name].data
        full = data[amplifier.data_box.slices] >= constants[name].saturation_adu
        saturated[name] = full.astype(np.uint16) * np.uint16(mask_bits("SAT"))
        data = data * np.float32(gain)
        if settings.do_parallel_overscan and _has_parallel_overscan(amplifier):
            parallel = subtract_parallel_overscan(
                data,
                amplifier.parallel_overscan,
                n_skip=settings.overscan_skip,
                sigma=settings.overscan_sigma,
                max_deviation=settings.parallel_max_deviation_adu * gain,
            )
            header |= _overscan_cards("PARALLEL", name, parallel, "electron")
            data = parallel.data
        trimmed[name] = data[amplifier.data_box.slices]
    image = assemble(raw, trimmed).astype(np.float32)
    mask = assemble(raw, saturated)
    boxes = amplifier_boxes(raw)
    variance = np.zeros_like(image)
    for name, box in boxes.items():
        variance[box.slices] = constants[name].read_noise_e ** 2
    corners = {
        # The mosaic is turned upside down after the amplifiers' own flips.
        name: (amplifier.flip_x, not amplifier.flip_y)
        for name, amplifier in raw.amplifiers.items()
    }
    return ProcessedFrame(image, mask, variance, boxes, header, stdev, serial, corners)


def _has_parallel_overscan(amplifier: RawAmplifier) -> bool:
    """Whether there are rows to fit."""
    ny, nx = amplifier.parallel_overscan.shape
    return ny > 0 and nx > 0


def _overscan_cards(
    direction: str, name: str, overscan: Overscan, unit: str
) -> dict[str, Any]:
    """Header cards of one fit, named as ``IsrTaskLSST`` names them."""
    prefix = f"LSST ISR OVERSCAN {direction}"
    return {
        f"{prefix} MEAN {name}": overscan.mean,
        f"{prefix} MEDIAN {name}": overscan.median,
        f"{prefix} STDEV {name}": overscan.stdev,
        f"{prefix} UNITS": unit,
    }


def _constants_cards(
    constants: Mapping[str, AmplifierConstants], source: str
) -> dict[str, Any]:
    """Header cards of gain and read noise, and where they come from."""
    cards: dict[str, Any] = {
        "LSST ISR GAIN SOURCE": source,
        "LSST ISR READNOISE SOURCE": source,
    }
    for name, values in constants.items():
        cards[f"LSST ISR GAIN {name}"] = float(values.gain)
        cards[f"LSST ISR READNOISE {name}"] = float(values.read_noise_e)
    return cards


def _check_shape(what: str, calibration: CcdImage, frame: ProcessedFrame) -> None:
    """Refuse a calibration of another readout window."""
    if calibration.data.shape != frame.image.shape:
        raise ImageError(
            f"The {what} has shape {calibration.data.shape}, the exposure "
            f"{frame.image.shape}: they are not of the same readout window."
        )


def _join_mask(frame: ProcessedFrame, calibration: CcdImage) -> None:
    """Pixels that a calibration could not measure are bad in what it corrects."""
    if calibration.mask is not None:
        frame.mask |= calibration.mask.astype(np.uint16) & np.uint16(mask_bits("BAD"))


def _divide_by_flat(frame: ProcessedFrame, flat: CcdImage) -> None:
    """Divide image and variance, marking pixels without a response."""
    with np.errstate(invalid="ignore"):
        usable = flat.data > 0
    response = np.where(usable, flat.data, np.float32(np.nan))
    frame.image /= response
    frame.variance /= response**2
    frame.mask[~usable] |= mask_bits("NO_DATA")
    _join_mask(frame, flat)
