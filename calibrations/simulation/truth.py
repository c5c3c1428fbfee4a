"""What is true of a simulated detector, to be compared with what is measured of it.

NumPy only. Images are detector frames in the orientation of processed images: C10 to
C17 are the upper row of amplifiers, C00 to C07 the lower, both counted from the left.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from calibrations.domain.cameras import Detector, camera
from calibrations.simulation.plan import AmplifierSize, ObservatoryPlan

__all__ = [
    "DetectorTruth",
    "amplifier_pixels",
    "load_truth",
    "make_truth",
    "noise_ratio",
    "save_truth",
]

HOT_FRACTION = 1e-3
DEAD_FRACTION = 2e-4
PIXEL_RESPONSE_SIGMA = 0.007
BRIGHTER_FATTER_A00 = -3.0e-6
"""Per electron: lowers the variance of a bright flat, within ITL's measured range."""


@dataclass(frozen=True)
class DetectorTruth:
    """The true properties of one detector.

    Arrays of 16 follow `amplifiers`, the order of the raw file. Images have shape
    (2 ny, 8 nx).
    """

    detector: int
    amplifiers: np.ndarray
    """Names, such as C10."""

    gain: np.ndarray
    """Electrons per ADU; differs from the camera model's by less than 1 %."""

    nominal_gain: np.ndarray
    read_noise_e: np.ndarray
    """True read noise of a healthy night, in electrons."""

    nominal_read_noise_e: np.ndarray
    bias_level_adu: np.ndarray
    full_well_e: np.ndarray
    bias_adu: np.ndarray
    """Image of what is left of a bias above the overscan level."""

    dark_e_per_s: np.ndarray
    """Image of the dark current, hot pixels and columns included."""

    response: np.ndarray
    """Image of the response to light: 1 is that of the average camera pixel."""


def make_truth(plan: ObservatoryPlan, detector_id: int) -> DetectorTruth:
    """Draw a detector's truth; it depends on seed, detector and size alone."""
    detector = camera(plan.instrument).detector(detector_id)
    rng = np.random.default_rng([plan.seed, 1, detector_id])
    models = list(detector.amplifiers.values())
    n = len(models)
    nominal_gain = np.array([model.gain for model in models])
    nominal_noise = np.array([model.read_noise_e for model in models])
    saturation = np.array([model.saturation_adu for model in models])
    return DetectorTruth(
        detector=detector_id,
        amplifiers=np.array([model.name for model in models]),
        gain=nominal_gain * rng.uniform(0.994, 1.006, n),
        nominal_gain=nominal_gain,
        read_noise_e=nominal_noise * rng.uniform(0.90, 0.92, n),
        nominal_read_noise_e=nominal_noise,
        bias_level_adu=rng.uniform(14000.0, 17000.0, n),
        full_well_e=saturation * nominal_gain * rng.uniform(1.05, 1.10, n),
        bias_adu=_bias_structure(rng, detector, plan.size),
        dark_e_per_s=_dark_current(rng, detector, plan.size),
        response=_response(rng, detector, plan.size),
    )


def noise_ratio(
    plan: ObservatoryPlan, truth: DetectorTruth, day_obs: int
) -> np.ndarray:
    """Give each amplifier's true read noise on a day, over its nominal one."""
    ratio = truth.read_noise_e / truth.nominal_read_noise_e
    for fault in plan.faults:
        if fault.detector == truth.detector and day_obs >= fault.from_day_obs:
            ratio[truth.amplifiers == fault.amplifier] = fault.noise_ratio
    return ratio


def amplifier_pixels(image: np.ndarray, name: str) -> np.ndarray:
    """View an amplifier's part of a detector image in the order it is read out.

    Readout goes to the outer corner: amplifiers of the upper half see the detector
    turned by 180 degrees, those of the lower half mirrored.
    """
    ny, nx = image.shape[0] // 2, image.shape[1] // 8
    column = int(name[2])
    columns = image[:, column * nx : (column + 1) * nx]
    return columns[ny:][::-1, ::-1] if name[1] == "1" else columns[:ny, ::-1]


def save_truth(folder: Path, truth: DetectorTruth) -> Path:
    """Write a detector's truth beside the files."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"detector{truth.detector:03d}.npz"
    values = {f.name: np.asarray(getattr(truth, f.name)) for f in fields(truth)}
    np.savez_compressed(path, allow_pickle=False, **values)
    return path


def load_truth(folder: str | Path, detector_id: int) -> DetectorTruth:
    """Read a detector's truth."""
    with np.load(Path(folder) / f"detector{detector_id:03d}.npz") as values:
        return DetectorTruth(
            detector=int(values["detector"]),
            **{name: values[name] for name in values.files if name != "detector"},
        )


def _bias_structure(
    rng: np.random.Generator, detector: Detector, size: AmplifierSize
) -> np.ndarray:
    """Columns of their own level, a rise at the first rows, a faint fixed pattern."""
    image = rng.normal(0.0, 0.5, size.detector_shape).astype(np.float32)
    rows = np.arange(size.ny, dtype=np.float32)[:, np.newaxis]
    x = np.linspace(-1.0, 1.0, size.nx, dtype=np.float32)
    for name in detector.amplifiers:
        view = amplifier_pixels(image, name)
        view += rng.normal(0.0, 2.0, size.nx).astype(np.float32)
        view += rng.uniform(-3.0, 3.0) * x
        view += rng.uniform(3.0, 8.0) * np.exp(-rows / (0.15 * size.ny))
    image[: size.ny, rng.integers(size.detector_shape[1])] += 40.0
    return image


def _dark_current(
    rng: np.random.Generator, detector: Detector, size: AmplifierSize
) -> np.ndarray:
    """Thermal current, hot pixels, and one column that is warm all along."""
    image = np.zeros(size.detector_shape, dtype=np.float32)
    for name in detector.amplifiers:
        amplifier_pixels(image, name)[...] = rng.uniform(0.02, 0.045)
    hot = rng.random(size.detector_shape) < HOT_FRACTION
    image[hot] += np.exp(rng.uniform(0.0, np.log(15.0), hot.sum()))
    image[size.ny :, rng.integers(size.detector_shape[1])] += 0.5
    return image


def _response(
    rng: np.random.Generator, detector: Detector, size: AmplifierSize
) -> np.ndarray:
    """Vignetting over the focal plane, efficiencies, and each pixel's own."""
    ny, nx = size.detector_shape
    box = detector.box
    y = np.linspace(box.y0, box.y1, ny)[:, np.newaxis]
    x = np.linspace(box.x0, box.x1, nx)
    vignetting = 1.0 - 0.03 * (x**2 + y**2) / 60.0**2 + 0.01 * x / 60.0
    pixels = rng.normal(1.0, PIXEL_RESPONSE_SIGMA, (ny, nx))
    image = (vignetting * pixels * rng.normal(1.0, 0.008)).astype(np.float32)
    for name in detector.amplifiers:
        amplifier_pixels(image, name)[...] *= rng.normal(1.0, 0.008)
    image[rng.random((ny, nx)) < DEAD_FRACTION] *= 0.3
    image[: ny // 2, rng.integers(nx)] *= 0.6
    return image
