"""One amplifier, or one detector's, as the simulator reads it out: data for recovery.

Only the simulator is used here, so that what measures these pixels cannot help them.
"""

from dataclasses import dataclass

import numpy as np

from calibrations.domain.cameras import SegmentLayout
from calibrations.imaging.frames import Box
from calibrations.simulation.charge import area_change, collect_light
from calibrations.simulation.readout import add_crosstalk, defer_charge, respond

FULL = SegmentLayout(509, 2000, 3, 64, 48)
SMALL = SegmentLayout(128, 160, 3, 64, 16)
"""More than 20 000 pixels."""

GAIN = 1.38
READ_NOISE_E = 7.4
LEVEL_ADU = 15000.0
A00 = -3.0e-6
CURVE = (0.009, 0.0015)
"""Relative loss at 100 000 electrons, relative bump at 10 000."""

CTI = {
    "global_cti": 4e-7,
    "drift_scale": 2.0e-4,
    "decay_time": 2.4,
    "trap_size_e": 6.0,
    "trap_fraction": 0.08,
    "trap_time": 0.4,
}
PIXEL_RESPONSE_SIGMA = 0.007


@dataclass(frozen=True)
class Bench:
    """An amplifier on a bench: its layout and its random numbers."""

    layout: SegmentLayout
    seed: int

    @property
    def data_box(self) -> Box:
        """The light-sensitive region."""
        return Box(*self.layout.data_box)

    @property
    def serial_overscan(self) -> Box:
        """The columns read after it."""
        return Box(self.data_box.x1, 0, self.layout.raw_shape[1], self.layout.data_rows)

    @property
    def parallel_overscan(self) -> Box:
        """The rows read after it."""
        box = self.data_box
        return Box(box.x0, box.y1, box.x1, self.layout.raw_shape[0])

    def rng(self, *keys: int) -> np.random.Generator:
        """Give the generator of a frame."""
        return np.random.default_rng([self.seed, *keys])

    def response(self) -> np.ndarray:
        """Draw each pixel's own response."""
        shape = (self.layout.data_rows, self.layout.data_columns)
        noise = self.rng(0).standard_normal(shape, dtype=np.float32)
        return 1.0 + np.float32(PIXEL_RESPONSE_SIGMA) * noise

    def expose(
        self, rng: np.random.Generator, light_e: np.ndarray, a00: float = 0.0
    ) -> np.ndarray:
        """Let pixels fill; electrons, shape of the light."""
        change = area_change(a00) if a00 else np.zeros(0)
        return collect_light(rng, light_e, change)

    def read(
        self,
        rng: np.random.Generator,
        charge_e: np.ndarray,
        *,
        with_cti: bool = False,
        curve: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Read charge out; ADU, whole segment, float32 of whole numbers."""
        signal = np.zeros(self.layout.raw_shape, np.float32)
        signal[self.data_box.slices] = charge_e
        if with_cti:
            values = {name: np.array([value]) for name, value in CTI.items()}
            signal = defer_charge(signal[np.newaxis], **values)[0]
        if curve is not None:
            signal = respond(signal, curve)
        return digitise(rng, signal)


def digitise(rng: np.random.Generator, signal_e: np.ndarray) -> np.ndarray:
    """Add read noise and level to electrons, and count."""
    noise = rng.standard_normal(signal_e.shape, dtype=np.float32)
    noise *= np.float32(READ_NOISE_E)
    noise += signal_e
    noise /= np.float32(GAIN)
    noise += np.float32(LEVEL_ADU)
    return np.rint(noise, out=noise)


def levels_e(n: int, low: float = 300.0, high: float = 110000.0) -> np.ndarray:
    """Give the levels of n pairs: half even in the logarithm, half in themselves."""
    n_log = n - n // 2
    even = low + (np.arange(n // 2) + 0.5) * (high - low) / max(n // 2, 1)
    return np.sort(np.concatenate([np.geomspace(low, high, n_log), even]))


def bright_sky(
    rng: np.random.Generator,
    layout: SegmentLayout,
    coeffs: np.ndarray,
    squared: np.ndarray,
    *,
    sky_e: float,
    spots: int,
) -> np.ndarray:
    """Read bright spots through crosstalk: electrons, shape (n amplifiers, ny, nx)."""
    shape = (layout.data_rows, layout.data_columns)
    segments = np.empty((len(coeffs), *shape), np.float32)
    for segment in segments:
        light = np.full(shape, sky_e, np.float32)
        for _ in range(spots):
            _add_spot(rng, light)
        shot = rng.standard_normal(shape, dtype=np.float32)
        segment[...] = light + shot * np.sqrt(light)
    seen = add_crosstalk(segments, coeffs, squared)
    noise = rng.standard_normal(seen.shape, dtype=np.float32)
    seen += np.float32(READ_NOISE_E) * noise
    return seen


def _add_spot(rng: np.random.Generator, light: np.ndarray) -> None:
    """Add a spot of 40 000 to 120 000 electrons with a soft edge."""
    ny, nx = light.shape
    y0, x0 = rng.uniform(15, ny - 15), rng.uniform(15, nx - 15)
    reach = 14
    top, left = int(max(y0 - reach, 0)), int(max(x0 - reach, 0))
    part = light[top : int(y0) + reach, left : int(x0) + reach]
    y = np.arange(part.shape[0])[:, np.newaxis] + top - y0
    x = np.arange(part.shape[1]) + left - x0
    # A flat top, as a saturating star or a projected spot has.
    profile = np.exp(-(((y**2 + x**2) / 20.0) ** 2))
    part += np.float32(rng.uniform(40000.0, 120000.0)) * profile.astype(np.float32)
