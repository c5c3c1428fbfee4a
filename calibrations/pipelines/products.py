"""Headers of combined calibrations: what they are, and made from what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from astropy.time import Time

from calibrations.imaging.combine import Combined
from calibrations.imaging.frames import Box, CcdImage
from calibrations.imaging.isr import mask_bits
from calibrations.imaging.mosaic import bin_image
from calibrations.imaging.statistics import percentiles

__all__ = ["InputFrame", "binned", "exposure_times", "make_product"]

BUTLER_PREFIX = "LSST BUTLER"
RESIDUAL_STDEV = "LSST ISR OVERSCAN RESIDUAL SERIAL STDEV"
NOT_COMMON = ("LSST ISR OVERSCAN", "LSST ISR FINAL", BUTLER_PREFIX)
"""Measured on each input: not properties of the product, even where they agree."""

TIMES = ("OBS", "BEG", "END", "AVG")


@dataclass(frozen=True)
class InputFrame:
    """What is remembered of one input once its pixels are in the stack."""

    exposure: int
    header: Mapping[str, Any]
    scale: float = 1.0
    """The image was divided by it."""

    scale_unit: str = ""


def make_product(
    kind: str,
    combined: Combined,
    inputs: Sequence[InputFrame],
    boxes: Mapping[str, Box],
    *,
    unit: str,
    creation_time: str,
    levels: Sequence[float],
) -> CcdImage:
    """Dress a combined frame as a calibration.

    Parameters
    ----------
    kind
        ``bias``, ``dark`` or ``flat``.
    combined
        Image and variance.
    inputs
        In the order of the stack.
    boxes
        Amplifiers in the image.
    unit
        Of the image, for BUNIT; empty for a flat.
    creation_time
        ISO-8601, UTC.
    levels
        Percentiles to note for each amplifier.
    """
    mask = np.where(combined.bad, mask_bits("BAD"), 0).astype(np.uint16)
    header = _common_cards(inputs)
    header |= _creation_cards(kind, unit, creation_time)
    header |= _input_cards(inputs, combined)
    header |= exposure_times([frame.header for frame in inputs])
    header |= _distribution_cards(kind, combined.image, combined.bad, boxes, levels)
    header |= _overscan_cards(inputs, boxes)
    return CcdImage(combined.image, mask, combined.variance, header)


def binned(image: CcdImage, factor: int) -> CcdImage:
    """Bin a product, or a residual, to a picture; bad pixels are left out."""
    left_out = None
    if image.mask is not None:
        left_out = (image.mask & mask_bits("BAD", "NO_DATA")) > 0
    kept = ("OBSTYPE", "BUNIT", "LSST ISR UNITS")
    header = {key: image.header[key] for key in kept if key in image.header}
    header["BINNING"] = factor
    return CcdImage(bin_image(image.data, factor, mask=left_out), header=header)


def exposure_times(headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``DATE-`` and ``MJD-`` cards spanning all inputs, in TAI."""
    begins = [t for header in headers if (t := _time(header, "BEG")) is not None]
    ends = [
        t for header in headers if (t := _time(header, "END")) is not None
    ] or begins
    if not begins:
        return {}
    begin, end = min(begins), max(ends)
    values = (
        begin,
        begin,
        end,
        Time(0.5 * (begin.mjd + end.mjd), format="mjd", scale="tai"),
    )
    cards: dict[str, Any] = {"TIMESYS": "TAI"}
    for name, time in zip(TIMES, values, strict=True):
        cards[f"DATE-{name}"] = time.isot
        cards[f"MJD-{name}"] = float(time.mjd)
    return cards


def _time(header: Mapping[str, Any], name: str) -> Time | None:
    """Read a time card, or None where there is none."""
    text = header.get(f"DATE-{name}")
    return Time(text, format="isot", scale="tai") if text else None


def _common_cards(inputs: Sequence[InputFrame]) -> dict[str, Any]:
    """Cards that all inputs share."""
    first, *others = (frame.header for frame in inputs)
    return {
        key: value
        for key, value in first.items()
        if not key.startswith(NOT_COMMON)
        and all(key in other and other[key] == value for other in others)
    }


def _creation_cards(kind: str, unit: str, creation_time: str) -> dict[str, Any]:
    """Say what it is and when it was asked for."""
    created = datetime.fromisoformat(creation_time)
    return {
        "OBSTYPE": kind,
        # FITS has no word for dimensionless; readers of units take "1" for it.
        "BUNIT": unit or "1",
        "LSST ISR UNITS": unit or "dimensionless",
        "CALIB_CREATION_DATETIME": created.isoformat("T", "seconds"),
        "CALIB_CREATION_DATE": created.date().isoformat(),
        "CALIB_CREATION_TIME": created.time().isoformat("seconds"),
        "EXPTIME": 0.0 if kind == "bias" else 1.0,
        "DARKTIME": 0.0 if kind == "bias" else 1.0,
    }


def _input_cards(inputs: Sequence[InputFrame], combined: Combined) -> dict[str, Any]:
    """Name every input, what it was divided by and how much of it was usable."""
    cards: dict[str, Any] = {"NCOMBINE": combined.n_used}
    pairs = zip(inputs, combined.good_fractions, strict=True)
    for i, (frame, good) in enumerate(pairs):
        cards[f"CPP_INPUT_{i}"] = frame.exposure
        cards[f"CPP_INPUT_DATE_{i}"] = str(frame.header.get("DATE-BEG") or "")
        cards[f"CPP_INPUT_EXPT_{i}"] = float(frame.header.get("EXPTIME") or 0.0)
        cards[f"CPP_INPUT_SCALE_{i}"] = frame.scale
        cards[f"CPP_INPUT_GOOD_{i}"] = round(good, 6)
    if inputs and inputs[0].scale_unit:
        cards["CPP_INPUT_SCALE_UNITS"] = inputs[0].scale_unit
    return cards


def _distribution_cards(
    kind: str,
    image: np.ndarray,
    bad: np.ndarray,
    boxes: Mapping[str, Box],
    levels: Sequence[float],
) -> dict[str, Any]:
    """Percentiles and number of bad pixels of each amplifier."""
    cards: dict[str, Any] = {}
    for name, box in boxes.items():
        where = box.slices
        prefix = f"LSST CALIB {kind.upper()} {name}"
        values = percentiles(image[where], levels, mask=bad[where])
        for level, value in zip(levels, values, strict=True):
            cards[f"{prefix} DISTRIBUTION {float(level)}-PCT"] = value
        cards[f"{prefix} BADPIX-NUM"] = int(bad[where].sum())
    return cards


def _overscan_cards(
    inputs: Sequence[InputFrame], boxes: Mapping[str, Box]
) -> dict[str, Any]:
    """Median over the inputs of the scatter left in each overscan, in ADU."""
    cards: dict[str, Any] = {}
    for name in boxes:
        key = f"{RESIDUAL_STDEV} {name}"
        values = [frame.header[key] for frame in inputs if key in frame.header]
        if values:
            cards[key] = float(np.median(values))
    return cards
