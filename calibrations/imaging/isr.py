"""Instrument signature removal: from counts as read to electrons. NumPy in and out.

The order is that of Rubin's ``IsrTaskLSST``. Steps on segments are in
`calibrations.imaging.segments`; here follow assembly, bias, dark, defects, masking of
what is not finite, brighter-fatter, variance and flat. Integer counts are *not*
dithered (upstream's step 3): the same input gives the same output, to the byte.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibrations.imaging.brighter_fatter import (
    BrighterFatterKernel,
    correct_brighter_fatter,
)
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import (
    Box,
    CcdImage,
    RawFrame,
    amplifier_boxes,
    assemble,
    mask_bits,
)
from calibrations.imaging.overscan import Overscan
from calibrations.imaging.segments import (
    AmplifierConstants,
    IsrSettings,
    SegmentCorrections,
    Segments,
    correct_segments,
)

__all__ = [
    "AmplifierConstants",
    "IsrSettings",
    "ProcessedFrame",
    "SegmentCorrections",
    "mask_bits",
    "remove_signature",
]

GAIN_CARD = "LSST ISR GAIN"
STRIP_PIXELS = 1 << 18
"""Pixels that are worked on at once."""

LEFT_OUT = ("SAT", "SUSPECT", "BAD", "NO_DATA")
"""Planes whose pixels push no charge that the brighter-fatter correction knows of."""


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

    gains: dict[str, float] = field(default_factory=dict)
    """Electrons per ADU that were applied."""

    segments: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    """Whole corrected segments in electrons, readout order, where settings keep them:
    as they were before assembly."""

    def in_adu(self) -> "ProcessedFrame":
        """Give the same frame with the gains taken back, a copy.

        Image, variance and segments come in ADU and ADU², as photon transfer and
        linearity are measured.
        """
        image, variance = self.image.copy(), self.variance.copy()
        for name, box in self.boxes.items():
            gain = np.float32(self.gains[name])
            image[box.slices] /= gain
            variance[box.slices] /= gain**2
        segments = {
            name: data / np.float32(self.gains[name])
            for name, data in self.segments.items()
        }
        header = {**self.header, "BUNIT": "adu", "LSST ISR UNITS": "adu"}
        return ProcessedFrame(
            image,
            self.mask.copy(),
            variance,
            self.boxes,
            header,
            self.overscan_stdev_adu,
            self.serial_overscans,
            self.readout_corners,
            dict.fromkeys(self.gains, 1.0),
            segments,
        )


def remove_signature(
    raw: RawFrame,
    constants: Mapping[str, AmplifierConstants],
    *,
    constants_source: str,
    corrections: SegmentCorrections | None = None,
    bias: CcdImage | None = None,
    dark: CcdImage | None = None,
    dark_time_s: float = 0.0,
    defects: np.ndarray | None = None,
    kernels: Mapping[str, BrighterFatterKernel] | None = None,
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
    corrections
        Crosstalk, linearity and deferred charge.
    bias
        In electrons; subtracted.
    dark, dark_time_s
        In electrons per second; times the dark time, subtracted.
    defects
        True where a pixel is defective, shape of the assembled detector; masked BAD.
    kernels
        For each amplifier; one that is not valid is not applied.
    flat
        Dimensionless; divided by. Not positive pixels become ``NO_DATA``.
    settings
        Choices of the overscan fit.

    Notes
    -----
    A bias, dark or flat whose header tells other gains than ``constants`` is brought
    to these first: it was measured in other electrons.
    """
    settings = settings or IsrSettings()
    if missing := set(raw.amplifiers) - set(constants):
        raise ImageError(
            f"Amplifiers {', '.join(sorted(missing))} of the raw frame are not in "
            f"{constants_source}."
        )
    segments = correct_segments(
        raw, constants, corrections or SegmentCorrections(), settings
    )
    frame = _assemble(raw, segments, constants, settings)
    frame.header |= _constants_cards(constants, constants_source)
    if bias is not None:
        _check_shape("bias", bias.data, frame)
        frame.image -= _in_these_electrons(bias, frame)
        _join_mask(frame, bias)
    if dark is not None:
        _check_shape("dark", dark.data, frame)
        if not np.isfinite(dark_time_s) or dark_time_s < 0:
            raise ImageError(f"A dark time of {dark_time_s} s cannot scale a dark.")
        _subtract(frame, _in_these_electrons(dark, frame), np.float32(dark_time_s))
        _join_mask(frame, dark)
    if defects is not None:
        _check_shape("defect mask", defects, frame)
        frame.mask[defects] |= np.uint16(mask_bits("BAD"))
    for rows in _strips(frame):
        missing_data = ~np.isfinite(frame.image[rows])
        frame.mask[rows][missing_data] |= np.uint16(mask_bits("NO_DATA"))
    if kernels is not None:
        _redistribute_charge(frame, kernels)
    for rows in _strips(frame):
        # Of a NaN and 0 this takes the 0.
        frame.variance[rows] += np.fmax(frame.image[rows], np.float32(0.0))
    if flat is not None:
        _check_shape("flat", flat.data, frame)
        _divide_by_flat(frame, flat)
    return frame


def _assemble(
    raw: RawFrame,
    segments: Segments,
    constants: Mapping[str, AmplifierConstants],
    settings: IsrSettings,
) -> ProcessedFrame:
    """Trim and place the segments; the variance holds the read noise."""
    trimmed = {
        name: segments.data[name][amplifier.data_box.slices]
        for name, amplifier in raw.amplifiers.items()
    }
    image = assemble(raw, trimmed).astype(np.float32, copy=False)
    boxes = amplifier_boxes(raw)
    variance = np.zeros_like(image)
    for name, box in boxes.items():
        variance[box.slices] = constants[name].read_noise_e ** 2
    return ProcessedFrame(
        image=image,
        mask=assemble(raw, segments.masks),
        variance=variance,
        boxes=boxes,
        header={
            **raw.header,
            "BUNIT": "electron",
            "LSST ISR UNITS": "electron",
            **segments.header,
        },
        overscan_stdev_adu={
            name: overscan.residual_stdev
            for name, overscan in segments.overscans.items()
        },
        serial_overscans=segments.overscans,
        readout_corners={
            # The mosaic is turned upside down after the amplifiers' own flips.
            name: (amplifier.flip_x, not amplifier.flip_y)
            for name, amplifier in raw.amplifiers.items()
        },
        gains={name: float(constants[name].gain) for name in raw.amplifiers},
        segments=segments.data if settings.keep_segments else {},
    )


def _constants_cards(
    constants: Mapping[str, AmplifierConstants], source: str
) -> dict[str, Any]:
    """Header cards of gain, read noise and turnoff, and where they come from."""
    cards: dict[str, Any] = {
        "LSST ISR GAIN SOURCE": source,
        "LSST ISR READNOISE SOURCE": source,
    }
    for name, values in constants.items():
        cards[f"{GAIN_CARD} {name}"] = float(values.gain)
        cards[f"LSST ISR READNOISE {name}"] = float(values.read_noise_e)
        if np.isfinite(values.suspect_adu):
            cards[f"LSST ISR PTCTURNOFF {name}"] = float(values.suspect_adu)
    return cards


def _strips(frame: ProcessedFrame) -> Iterator[slice]:
    """Go through a frame a few rows at a time.

    Temporary arrays of a strip stay in the processor's cache and are used again;
    those of a whole detector come from the system each time, page by page, which
    takes longer than the arithmetic.
    """
    ny, nx = frame.image.shape
    step = max(1, STRIP_PIXELS // max(nx, 1))
    for top in range(0, ny, step):
        yield slice(top, top + step)


def _subtract(
    frame: ProcessedFrame, calibration: np.ndarray, factor: np.float32
) -> None:
    """Subtract a calibration times a factor."""
    for rows in _strips(frame):
        frame.image[rows] -= calibration[rows] * factor


def _check_shape(what: str, calibration: np.ndarray, frame: ProcessedFrame) -> None:
    """Refuse a calibration of another readout window."""
    if calibration.shape != frame.image.shape:
        raise ImageError(
            f"The {what} has shape {calibration.shape}, the exposure "
            f"{frame.image.shape}: they are not of the same readout window."
        )


def _gain_ratios(calibration: CcdImage, frame: ProcessedFrame) -> dict[str, float]:
    """Gains of the frame over those a calibration was made with, where they differ."""
    ratios = {}
    for name, gain in frame.gains.items():
        made_with = calibration.header.get(f"{GAIN_CARD} {name}")
        if made_with is not None and float(made_with) > 0:
            ratios[name] = gain / float(made_with)
    return {} if all(ratio == 1.0 for ratio in ratios.values()) else ratios


def _in_these_electrons(calibration: CcdImage, frame: ProcessedFrame) -> np.ndarray:
    """Give a calibration's image in the electrons of the frame's gains."""
    ratios = _gain_ratios(calibration, frame)
    if not ratios:
        return calibration.data
    image = calibration.data.copy()
    for name, ratio in ratios.items():
        image[frame.boxes[name].slices] *= np.float32(ratio)
    return image


def _join_mask(frame: ProcessedFrame, calibration: CcdImage) -> None:
    """Pixels that a calibration could not measure are bad in what it corrects."""
    if calibration.mask is not None:
        bad = np.uint16(mask_bits("BAD"))
        for rows in _strips(frame):
            frame.mask[rows] |= calibration.mask[rows].astype(np.uint16) & bad


def _redistribute_charge(
    frame: ProcessedFrame, kernels: Mapping[str, BrighterFatterKernel]
) -> None:
    """Undo the brighter-fatter effect, one amplifier at a time (upstream: AMP)."""
    if missing := sorted(set(frame.boxes) - set(kernels)):
        raise ImageError(
            f"The bfk has no amplifier {', '.join(missing)}, which the frame has."
        )
    left_out = (frame.mask & mask_bits(*LEFT_OUT)) > 0
    for name, box in frame.boxes.items():
        if kernels[name].valid:
            frame.image[box.slices] = correct_brighter_fatter(
                frame.image[box.slices], kernels[name], mask=left_out[box.slices]
            )


def _divide_by_flat(frame: ProcessedFrame, flat: CcdImage) -> None:
    """Divide image and variance, marking pixels without a response."""
    response = flat.data
    if ratios := _gain_ratios(flat, frame):
        # A flat has no unit: only how the gains changed among amplifiers counts.
        mean = float(np.mean(list(ratios.values())))
        response = response.copy()
        for name, ratio in ratios.items():
            response[frame.boxes[name].slices] *= np.float32(ratio / mean)
    no_data = np.uint16(mask_bits("NO_DATA"))
    for rows in _strips(frame):
        with np.errstate(invalid="ignore"):
            usable = response[rows] > 0
        divisor = np.where(usable, response[rows], np.float32(np.nan))
        frame.image[rows] /= divisor
        frame.variance[rows] /= divisor * divisor
        frame.mask[rows][~usable] |= no_data
    _join_mask(frame, flat)
