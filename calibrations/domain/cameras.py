"""The cameras as their makers describe them: detectors, amplifiers, nominal numbers.

Plain Python. Geometry and nominal values are those of Rubin's camera model
(obs_lsst's policy files); what a calibration measures may differ, and that difference
is what verification looks at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from taxicab.errors import NotFoundError

__all__ = [
    "CAMERAS",
    "AmplifierModel",
    "Camera",
    "Detector",
    "FocalBox",
    "PixelBox",
    "camera",
]

PIXEL_MM = 0.01
CCD_PITCH_MM = 42.25
ITL_SHAPE = (4000, 4072)
"""Rows and columns of an assembled ITL detector."""

SATURATION_ADU = 142857.0
"""Policy value for every amplifier where a camera does not say otherwise."""

AMPLIFIER_NAMES = (
    *(f"C1{column}" for column in range(8)),
    *(f"C0{column}" for column in reversed(range(8))),
)
"""In the order of the raw file's extensions."""


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
    """x0, y0, x1, y1 as fractions of the detector, in DM orientation."""


@dataclass(frozen=True)
class Detector:
    """A CCD and its place in the focal plane."""

    id: int
    name: str
    vendor: str
    serial: str
    box: FocalBox
    shape: tuple[int, int]
    """Rows and columns of the assembled image at full size."""

    amplifiers: Mapping[str, AmplifierModel]

    @property
    def raft(self) -> str:
        """First half of the name, such as R22."""
        return self.name.split("_")[0]

    @property
    def slot(self) -> str:
        """Second half of the name, such as S01."""
        return self.name.split("_")[1]

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
        raise NotFoundError(
            f"{self.name} has no detector {key!r}; it has "
            + ", ".join(f"{d.id} ({d.name})" for d in self.detectors)
            + "."
        )


def amplifier_fraction(name: str) -> tuple[float, float, float, float]:
    """Place an amplifier in its detector: C1x is the upper row, x counts from left."""
    row, column = int(name[1]), int(name[2])
    return column / 8, row / 2, (column + 1) / 8, (row + 1) / 2


def itl_detector(
    number: int,
    name: str,
    serial: str,
    *,
    gains: str,
    read_noises_e: str,
    centre_mm: tuple[float, float] = (0.0, 0.0),
    saturation_adu: float = SATURATION_ADU,
) -> Detector:
    """Describe an ITL detector from its table of numbers, in file order."""
    half_x, half_y = (n * PIXEL_MM / 2 for n in reversed(ITL_SHAPE))
    x, y = centre_mm
    amplifiers = {
        amp: AmplifierModel(
            amp, float(gain), float(noise), saturation_adu, amplifier_fraction(amp)
        )
        for amp, gain, noise in zip(
            AMPLIFIER_NAMES, gains.split(), read_noises_e.split(), strict=True
        )
    }
    box = FocalBox(x - half_x, y - half_y, x + half_x, y + half_y)
    return Detector(number, name, "ITL", serial, box, ITL_SHAPE, amplifiers)


# Slot: serial number, gains (e-/ADU) and read noises (e-) from C10 to C17, C07 to C00.
_COMCAM: dict[str, tuple[str, str, str]] = {
    "S00": (
        "ITL-3800C-229",
        "1.352 1.360 1.342 1.334 1.305 1.345 1.356 1.320 "
        "1.401 1.434 1.433 1.423 1.303 1.294 1.381 1.401",
        "8.7 10.0 10.9 11.2 11.2 10.5 8.7 7.3 6.9 8.3 9.1 10.6 10.7 10.5 9.7 8.8",
    ),
    "S01": (
        "ITL-3800C-251",
        "1.374 1.359 1.345 1.348 1.349 1.347 1.352 1.338 "
        "1.375 1.408 1.405 1.400 1.402 1.415 1.416 1.402",
        "5.3 5.4 5.5 5.4 5.4 5.5 5.0 5.7 7.0 6.1 6.3 6.4 7.0 6.7 6.6 6.6",
    ),
    "S02": (
        "ITL-3800C-215",
        "1.375 1.387 1.357 1.381 1.381 1.353 1.383 1.325 "
        "1.351 1.381 1.365 1.367 1.372 1.398 1.407 1.375",
        "7.3 7.7 8.1 8.1 8.0 8.1 6.9 7.2 7.8 6.8 7.6 7.7 7.4 7.5 7.0 7.0",
    ),
    "S10": (
        "ITL-3800C-326",
        "1.394 1.383 1.386 1.378 1.381 1.389 1.383 1.365 "
        "1.306 1.381 1.382 1.355 1.379 1.352 1.391 1.381",
        "7.7 8.8 9.6 10.0 9.8 8.9 7.8 7.9 7.7 7.9 8.7 9.2 9.4 9.2 9.2 8.1",
    ),
    "S11": (
        "ITL-3800C-283",
        "1.354 1.342 1.355 1.349 1.347 1.300 1.329 1.314 "
        "1.344 1.385 1.404 1.418 1.414 1.425 1.428 1.437",
        "5.8 6.5 6.5 7.2 6.8 6.8 6.1 6.1 7.1 6.9 7.6 7.9 8.0 7.6 7.2 6.8",
    ),
    "S12": (
        "ITL-3800C-243",
        "1.376 1.366 1.324 1.371 1.376 1.355 1.361 1.346 "
        "1.379 1.418 1.429 1.438 1.432 1.440 1.430 1.429",
        "6.8 7.4 7.8 7.9 8.0 7.9 7.0 6.2 8.1 8.2 9.1 9.5 10.5 10.6 11.0 9.2",
    ),
    "S20": (
        "ITL-3800C-319",
        "1.372 1.386 1.396 1.399 1.398 1.381 1.401 1.381 "
        "1.407 1.450 1.436 1.450 1.445 1.429 1.442 1.429",
        "6.7 7.3 7.6 8.2 8.0 7.7 6.8 5.8 6.3 8.0 9.3 10.0 10.1 9.7 9.0 8.1",
    ),
    "S21": (
        "ITL-3800C-209",
        "1.310 1.282 1.266 1.280 1.303 1.304 1.311 1.288 "
        "1.173 1.386 1.377 1.384 1.389 1.383 1.374 1.372",
        "7.0 7.3 7.8 8.4 7.9 7.6 6.9 6.2 7.5 7.8 8.8 9.8 9.6 9.7 8.9 8.2",
    ),
    "S22": (
        "ITL-3800C-206",
        "1.404 1.389 1.397 1.402 1.394 1.337 1.379 1.353 "
        "1.375 1.392 1.384 1.379 1.406 1.418 1.414 1.427",
        "8.3 9.5 10.0 10.4 10.2 9.3 8.0 7.7 8.1 8.8 10.0 10.8 11.0 10.9 10.1 9.0",
    ),
}


def _comcam() -> Camera:
    """One raft of nine detectors; the slot's digits are its row and column."""
    detectors = []
    for number, (slot, (serial, gains, noises)) in enumerate(_COMCAM.items()):
        row, column = int(slot[1]), int(slot[2])
        centre = ((column - 1) * CCD_PITCH_MM, (row - 1) * CCD_PITCH_MM)
        detectors.append(
            itl_detector(
                number,
                f"R22_{slot}",
                serial,
                gains=gains,
                read_noises_e=noises,
                centre_mm=centre,
            )
        )
    return Camera("LSSTComCam", "CC", tuple(detectors))


def _latiss() -> Camera:
    detector = itl_detector(
        0,
        "RXX_S00",
        "ITL-3800C-068",
        gains="1.081 1.047 1.080 1.081 1.064 1.067 1.080 1.056 "
        "1.103 1.104 1.105 1.084 1.094 1.087 1.093 1.097",
        read_noises_e="8.4 8.5 8.4 8.6 8.4 8.4 8.4 8.0 "
        "8.5 10.0 10.3 9.7 9.1 9.4 9.9 9.1",
        saturation_adu=120000.0,
    )
    return Camera("LATISS", "AT", (detector,))


CAMERAS: Mapping[str, Camera] = {c.name: c for c in (_comcam(), _latiss())}


def camera(name: str) -> Camera:
    """Find a camera by the name its instrument has in the Butler."""
    try:
        return CAMERAS[name]
    except KeyError:
        raise NotFoundError(
            f"No camera is called {name!r}; there are {', '.join(CAMERAS)}."
        ) from None
