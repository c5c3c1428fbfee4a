"""The kinds of CCD in Rubin's cameras: segments, amplifiers, and how both are read.

Plain Python. Numbers are those of obs_lsst's ``policy/cameraHeader.yaml``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from calibrations.domain.cameras.model import (
    PIXEL_MM,
    AmplifierModel,
    Detector,
    FocalBox,
    Purpose,
    SegmentLayout,
)

__all__ = [
    "AMPLIFIER_NAMES",
    "CHIPS",
    "E2V",
    "ITL",
    "ITL_GUIDER",
    "ITL_WAVEFRONT",
    "SATURATION_ADU",
    "Chip",
    "make_detector",
    "numbers",
]

SATURATION_ADU = 142857.0
"""Policy value for every amplifier where a camera does not say otherwise."""

UPPER = tuple(f"C1{column}" for column in range(8))
LOWER = tuple(f"C0{column}" for column in reversed(range(8)))

AMPLIFIER_NAMES = (*UPPER, *LOWER)
"""In the order of the raw file's extensions."""


@dataclass(frozen=True)
class Chip:
    """A kind of CCD."""

    name: str
    """The camera team's word for it."""

    vendor: str
    layout: SegmentLayout
    amplifiers: tuple[str, ...]
    lower_flip_x: bool
    """Whether the lower row is read against x; the upper row always is."""

    purpose: Purpose = Purpose.SCIENCE
    columns_reversed: bool = False
    """Amplifiers are counted from the right."""

    @property
    def rows(self) -> int:
        """Rows of amplifiers, one or two."""
        return len(self.amplifiers) // 8

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the assembled detector."""
        return self.rows * self.layout.data_rows, 8 * self.layout.data_columns

    def fraction(self, name: str) -> tuple[float, float, float, float]:
        """Place an amplifier: C1x is the upper row, x counts from the left."""
        column = 7 - int(name[2]) if self.columns_reversed else int(name[2])
        row = self.rows - 1 if name[1] == "1" else 0
        return column / 8, row / self.rows, (column + 1) / 8, (row + 1) / self.rows

    def amplifier(
        self, name: str, *, gain: float, read_noise_e: float, saturation_adu: float
    ) -> AmplifierModel:
        """Describe one amplifier of such a chip."""
        upper = name[1] == "1"
        return AmplifierModel(
            name,
            gain,
            read_noise_e,
            saturation_adu,
            self.fraction(name),
            flip_x=upper or self.lower_flip_x,
            flip_y=upper,
        )


_E2V_SEGMENT = SegmentLayout(512, 2002, 10, 54, 46)
_ITL_SEGMENT = SegmentLayout(509, 2000, 3, 64, 48)

E2V = Chip("E2V", "E2V", _E2V_SEGMENT, AMPLIFIER_NAMES, lower_flip_x=False)
ITL = Chip("ITL", "ITL", _ITL_SEGMENT, AMPLIFIER_NAMES, lower_flip_x=True)
ITL_GUIDER = Chip(
    "ITL_G",
    "ITL",
    _ITL_SEGMENT,
    AMPLIFIER_NAMES,
    lower_flip_x=True,
    purpose=Purpose.GUIDER,
)
ITL_WAVEFRONT = Chip(
    "ITL_WF",
    "ITL",
    _ITL_SEGMENT,
    UPPER,
    lower_flip_x=True,
    purpose=Purpose.WAVEFRONT,
    columns_reversed=True,
)
"""Half a chip, one row of amplifiers."""

CHIPS = {chip.name: chip for chip in (E2V, ITL, ITL_GUIDER, ITL_WAVEFRONT)}


def make_detector(
    chip: Chip,
    number: int,
    name: str,
    serial: str,
    *,
    gains: Sequence[float],
    read_noises_e: Sequence[float],
    saturations_adu: Sequence[float],
    centre_mm: tuple[float, float] = (0.0, 0.0),
    yaw_deg: float = 0.0,
    z_mm: float = 0.0,
) -> Detector:
    """Describe a detector; the numbers follow the file order of its amplifiers.

    A sequence of one number holds for every amplifier.
    """
    n = len(chip.amplifiers)
    columns = [
        list(values) * n if len(values) == 1 else list(values)
        for values in (gains, read_noises_e, saturations_adu)
    ]
    amplifiers = {
        amp: chip.amplifier(amp, gain=gain, read_noise_e=noise, saturation_adu=top)
        for amp, gain, noise, top in zip(chip.amplifiers, *columns, strict=True)
    }
    half_y, half_x = (n * PIXEL_MM / 2 for n in chip.shape)
    if round(yaw_deg / 90) % 2:
        half_x, half_y = half_y, half_x
    x, y = centre_mm
    return Detector(
        number,
        name,
        chip.vendor,
        serial,
        FocalBox(x - half_x, y - half_y, x + half_x, y + half_y),
        chip.shape,
        amplifiers,
        chip.layout,
        chip=chip.name,
        purpose=chip.purpose,
        yaw_deg=yaw_deg % 360,
        z_mm=z_mm,
    )


def numbers(text: str) -> list[float]:
    """Read a line of numbers, such as the gains of a table."""
    return [float(word) for word in text.split()]
