"""What a camera is made of: detectors, amplifiers, and where both lie.

Plain Python. Pixels count from 0 and ranges are half open. Two orientations of a
detector occur: the camera's own (CCS), in which raw headers place amplifiers, and that
of processed images (DM), which is the camera's turned over in y. Everything here has
the second one unless it says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from taxicab.errors import NotFoundError

__all__ = [
    "PIXEL_MM",
    "AmplifierModel",
    "Camera",
    "Detector",
    "FocalBox",
    "PixelBox",
    "Purpose",
    "SegmentLayout",
]

PIXEL_MM = 0.01


class FocalBox(NamedTuple):
    """A rectangle on the focal plane, in mm."""

    x0: float
    y0: float
    x1: float
    y1: float


class PixelBox(NamedTuple):
    """A rectangle of pixels: 0-based, upper ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int


class Purpose(StrEnum):
    """What a detector is for, in the Butler's words."""

    SCIENCE = "SCIENCE"
    GUIDER = "GUIDER"
    WAVEFRONT = "WAVEFRONT"


@dataclass(frozen=True)
class SegmentLayout:
    """How one amplifier's segment is laid out, in readout order."""

    data_columns: int
    data_rows: int
    serial_prescan: int
    serial_overscan: int
    parallel_overscan: int

    @property
    def raw_shape(self) -> tuple[int, int]:
        """Rows and columns as read out."""
        columns = self.serial_prescan + self.data_columns + self.serial_overscan
        return self.data_rows + self.parallel_overscan, columns

    @property
    def data_box(self) -> PixelBox:
        """The light-sensitive region."""
        x0 = self.serial_prescan
        return PixelBox(x0, 0, x0 + self.data_columns, self.data_rows)


@dataclass(frozen=True)
class AmplifierModel:
    """An amplifier's nominal numbers and its place in the detector."""

    name: str
    gain: float
    """Electrons per ADU."""

    read_noise_e: float
    saturation_adu: float
    """Level above the overscan from which a pixel counts as saturated."""

    fraction: tuple[float, float, float, float]
    """x0, y0, x1, y1 as fractions of the detector."""

    flip_x: bool = False
    """Readout order runs against x."""

    flip_y: bool = False
    """Readout order runs against y; in the camera's orientation it is the opposite."""


@dataclass(frozen=True)
class Detector:
    """A CCD and its place in the focal plane."""

    id: int
    name: str
    vendor: str
    """Maker: E2V or ITL."""

    serial: str
    box: FocalBox
    """The area it covers on the focal plane, turned by `yaw_deg` already."""

    shape: tuple[int, int]
    """Rows and columns of the assembled image at full size."""

    amplifiers: Mapping[str, AmplifierModel]
    """In the order of the raw file's extensions."""

    layout: SegmentLayout
    chip: str = "ITL"
    """The camera team's type: E2V, ITL, ITL_G (guider) or ITL_WF (wavefront)."""

    purpose: Purpose = Purpose.SCIENCE
    yaw_deg: float = 0.0
    """Turn of the detector on the focal plane, anticlockwise; a multiple of 90."""

    z_mm: float = 0.0
    """Height above the focal plane: wavefront halves are out of focus."""

    @property
    def raft(self) -> str:
        """First half of the name, such as R22."""
        return self.name.split("_")[0]

    @property
    def slot(self) -> str:
        """Second half of the name, such as S01."""
        return self.name.split("_")[1]

    @property
    def centre_mm(self) -> tuple[float, float]:
        """Middle of the detector on the focal plane."""
        return (self.box.x0 + self.box.x1) / 2, (self.box.y0 + self.box.y1) / 2

    @property
    def quarter_turns(self) -> int:
        """`yaw_deg` in quarters, 0 to 3.

        An image (y, x) lies on the focal plane as ``numpy.rot90(image, -turns)``,
        because NumPy turns from y towards x.
        """
        return round(self.yaw_deg / 90) % 4

    def amplifier_boxes(
        self, shape: tuple[int, int] | None = None
    ) -> dict[str, PixelBox]:
        """Place every amplifier in an image of the detector, full size by default.

        The shape is (rows, columns) and may be that of a binned or a smaller image.
        """
        ny, nx = shape or self.shape
        return {
            name: PixelBox(
                round(model.fraction[0] * nx),
                round(model.fraction[1] * ny),
                round(model.fraction[2] * nx),
                round(model.fraction[3] * ny),
            )
            for name, model in self.amplifiers.items()
        }

    def focal_boxes(self) -> dict[str, FocalBox]:
        """Place every amplifier on the focal plane, the detector's turn included."""
        return {
            name: self._turn(model.fraction) for name, model in self.amplifiers.items()
        }

    def _turn(self, fraction: tuple[float, float, float, float]) -> FocalBox:
        x0, y0, x1, y1 = fraction
        for _ in range(self.quarter_turns):
            x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
        width, height = self.box.x1 - self.box.x0, self.box.y1 - self.box.y0
        return FocalBox(
            self.box.x0 + x0 * width,
            self.box.y0 + y0 * height,
            self.box.x0 + x1 * width,
            self.box.y0 + y1 * height,
        )


@dataclass(frozen=True)
class Camera:
    """An instrument's detectors, in the order of their ids."""

    name: str
    code: str
    """First letters of an observation's name, such as CC in CC_O_20261109_000001."""

    detectors: tuple[Detector, ...]

    def detector(self, key: int | str) -> Detector:
        """Find a detector by id or name."""
        for detector in self.detectors:
            if key in (detector.id, detector.name):
                return detector
        first = self.detectors[:9]
        more = ", ..." if len(self.detectors) > len(first) else ""
        raise NotFoundError(
            f"{self.name} has no detector {key!r}; it has "
            + ", ".join(f"{d.id} ({d.name})" for d in first)
            + f"{more}."
        )
