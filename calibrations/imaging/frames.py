"""What a detector's images are made of: regions, amplifiers, assembled frames.

NumPy only. Pixel indices count from 0 and ranges are half open, as NumPy's are; arrays
are (y, x). Two orientations occur: the camera's, in which raw headers place amplifiers,
and that of processed images (DM), which is the camera's turned over in y. Every
assembled image here has the second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from calibrations.imaging.errors import ImageError

__all__ = [
    "MASK_PLANES",
    "Box",
    "CcdImage",
    "RawAmplifier",
    "RawFrame",
    "amplifier_boxes",
    "assemble",
    "mask_bits",
]

MASK_PLANES: Mapping[str, int] = {
    "BAD": 0,
    "SAT": 1,
    "INTRP": 2,
    "CR": 3,
    "EDGE": 4,
    "DETECTED": 5,
    "SUSPECT": 7,
    "NO_DATA": 8,
}
"""Bit of each mask plane, numbered as Rubin's images number them."""


def mask_bits(*planes: str) -> int:
    """Join mask planes into one integer."""
    return sum(1 << MASK_PLANES[plane] for plane in planes)


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: 0-based, upper ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in a (y, x) array."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.y1 - self.y0, self.x1 - self.x0

    def turned_over(self, ny: int) -> "Box":
        """Give the same rectangle after an image of ``ny`` rows is flipped in y."""
        return Box(self.x0, ny - self.y1, self.x1, ny - self.y0)


@dataclass
class RawAmplifier:
    """One amplifier's pixels in readout order, and where they belong."""

    name: str
    data: np.ndarray
    """Shape (ny, nx), ADU as read, prescan and overscans included."""

    data_box: Box
    """The light-sensitive region within `data`."""

    serial_overscan: Box
    parallel_overscan: Box

    detector_box: Box
    """Place in the detector, in the camera's orientation."""

    flip_x: bool
    """The region is reversed in x when it is put into the detector."""

    flip_y: bool
    header: dict[str, Any] = field(default_factory=dict)


@dataclass
class RawFrame:
    """One detector's raw exposure: its amplifiers in the order of the file."""

    header: dict[str, Any]
    amplifiers: dict[str, RawAmplifier]
    shape: tuple[int, int]
    """Rows and columns of the assembled detector."""


@dataclass
class CcdImage:
    """An assembled detector image in DM orientation."""

    data: np.ndarray
    """Shape (ny, nx), float32, in the units the header's BUNIT names."""

    mask: np.ndarray | None = None
    """Same shape, bits as in `MASK_PLANES`."""

    variance: np.ndarray | None = None
    """Same shape, float32, in the square of the units."""

    header: dict[str, Any] = field(default_factory=dict)


def assemble(raw: RawFrame, trimmed: Mapping[str, np.ndarray]) -> np.ndarray:
    """Put trimmed amplifiers together into a detector image in DM orientation.

    Parameters
    ----------
    raw
        The frame whose amplifiers say where they belong.
    trimmed
        For each amplifier its light-sensitive region, shape (ny, nx), in readout
        order, any type and unit.

    Returns
    -------
    numpy.ndarray
        Shape `RawFrame.shape`, of the amplifiers' common type. Pixels that no
        amplifier covers are NaN, or 0 for integers.
    """
    if missing := sorted(set(raw.amplifiers) - set(trimmed)):
        raise ImageError(f"No pixels were given for amplifier {', '.join(missing)}.")
    dtype = np.result_type(*(trimmed[name].dtype for name in raw.amplifiers))
    empty = np.nan if np.issubdtype(dtype, np.floating) else 0
    mosaic = np.empty(raw.shape, dtype=dtype)
    boxes = amplifier_boxes(raw)
    if sum(box.shape[0] * box.shape[1] for box in boxes.values()) < mosaic.size:
        mosaic[...] = empty
    for name, amplifier in raw.amplifiers.items():
        pixels = trimmed[name]
        if pixels.shape != amplifier.detector_box.shape:
            raise ImageError(
                f"Amplifier {name} has {pixels.shape} pixels (y, x), and its place in "
                f"the detector has {amplifier.detector_box.shape}."
            )
        # The mosaic is turned upside down after the amplifiers' own flips.
        step_y = 1 if amplifier.flip_y else -1
        step_x = -1 if amplifier.flip_x else 1
        mosaic[boxes[name].slices] = pixels[::step_y, ::step_x]
    return mosaic


def amplifier_boxes(raw: RawFrame) -> dict[str, Box]:
    """Give the place of every amplifier in the assembled image (DM orientation)."""
    return {
        name: amplifier.detector_box.turned_over(raw.shape[0])
        for name, amplifier in raw.amplifiers.items()
    }
