"""What is true of a simulated detector, to be compared with what is measured of it.

NumPy only. Images are detector frames in the orientation of processed images: C10 to
C17 are the upper row of amplifiers, C00 to C07 the lower, both counted from the left.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from calibrations.domain.cameras import Camera, Detector, camera
from calibrations.simulation.charge import true_covariances
from calibrations.simulation.detector_effects import (
    draw_effects,
    plant_defects,
    shade,
)
from calibrations.simulation.plan import AmplifierSize, ObservatoryPlan
from calibrations.simulation.readout import respond

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


def _none() -> np.ndarray:
    """Give the truth of an effect that is off."""
    return np.zeros(0)


@dataclass(frozen=True)
class DetectorTruth:
    """The true properties of one detector.

    Arrays of 16 (8) follow `amplifiers`, the order of the raw file. Images have shape
    (2 ny, 8 nx). Arrays of effects that are off are empty.
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

    area_change: np.ndarray = field(default_factory=_none)
    """Brighter-fatter: see `calibrations.simulation.charge.area_change`."""

    nonlinearity: np.ndarray = field(default_factory=_none)
    """Shape (n, 2): see `calibrations.simulation.readout.respond`."""

    global_cti: np.ndarray = field(default_factory=_none)
    drift_scale: np.ndarray = field(default_factory=_none)
    decay_time: np.ndarray = field(default_factory=_none)
    trap_size_e: np.ndarray = field(default_factory=_none)
    trap_fraction: np.ndarray = field(default_factory=_none)
    trap_time: np.ndarray = field(default_factory=_none)
    crosstalk: np.ndarray = field(default_factory=_none)
    """Shape (n, n), [source, target], of electrons."""

    crosstalk_squared: np.ndarray = field(default_factory=_none)
    """Same, per electron."""

    fringes: np.ndarray = field(default_factory=_none)
    """Image of mean 0 and standard deviation 1; the plan has their amplitude."""

    tearing: np.ndarray = field(default_factory=_none)
    """Image: factor on the light of flats."""

    defects: np.ndarray = field(default_factory=_none)
    """Shape (n, 4): x0, y0, width, height of what was planted."""

    defect_kinds: np.ndarray = field(default_factory=_none)
    """Shape (n,): hot, cold or bias."""

    @property
    def a_matrix(self) -> np.ndarray:
        """Change of area per electron, lags 0 to 4 in y by 0 to 4 in x."""
        reach = len(self.area_change) // 2
        return self.area_change[reach:, reach:]

    def covariances_e2(self, mean_e: float, n: int = 5) -> np.ndarray:
        """Give C_ij of a uniform flat, lag in y by lag in x, electrons squared."""
        return true_covariances(self.area_change, mean_e, n)

    def responded_e(self, amplifier: str, signal_e: np.ndarray) -> np.ndarray:
        """Give what an amplifier makes of a signal, at any level."""
        (number,) = np.flatnonzero(self.amplifiers == amplifier)
        return respond(np.asarray(signal_e, float), self.nonlinearity[number])


def make_truth(plan: ObservatoryPlan, detector_id: int) -> DetectorTruth:
    """Draw a detector's truth; it depends on seed, detector, size and effects alone."""
    instrument = camera(plan.instrument)
    detector = instrument.detector(detector_id)
    rng = np.random.default_rng([plan.seed, 1, detector_id])
    models = list(detector.amplifiers.values())
    n = len(models)
    nominal_gain = np.array([model.gain for model in models])
    nominal_noise = np.array([model.read_noise_e for model in models])
    saturation = np.array([model.saturation_adu for model in models])
    clean = bool(plan.effects.planted_defects)
    values: dict[str, Any] = {
        "gain": nominal_gain * rng.uniform(0.994, 1.006, n),
        "read_noise_e": nominal_noise * rng.uniform(*plan.noise_ratio, n),
        "bias_level_adu": rng.uniform(14000.0, 17000.0, n),
        "full_well_e": saturation * nominal_gain * rng.uniform(1.05, 1.10, n),
        "bias_adu": _bias_structure(rng, detector, plan.size, clean=clean),
        "dark_e_per_s": _dark_current(rng, detector, plan.size, clean=clean),
        "response": _response(
            rng, detector, plan.size, radius=radius_mm(instrument), clean=clean
        ),
    }
    own = np.random.default_rng([plan.seed, 5, detector_id])
    values |= draw_effects(plan, detector, own)
    tearing = shade(
        plan, detector, values["response"], own, radius_mm=radius_mm(instrument)
    )
    if tearing is not None:
        values["tearing"] = tearing
    if clean:
        values |= plant_defects(plan, detector, values, own)
    return DetectorTruth(
        detector=detector_id,
        amplifiers=np.array([model.name for model in models]),
        nominal_gain=nominal_gain,
        nominal_read_noise_e=nominal_noise,
        **values,
    )


def radius_mm(instrument: Camera) -> float:
    """Give the distance of the camera's corner from its middle, about."""
    return 350.0 if len(instrument.detectors) > 9 else 60.0


def noise_ratio(
    plan: ObservatoryPlan, truth: DetectorTruth, day_obs: int
) -> np.ndarray:
    """Give each amplifier's true read noise on a day, over its nominal one."""
    ratio = truth.read_noise_e / truth.nominal_read_noise_e
    for fault in plan.faults:
        if fault.detector == truth.detector and day_obs >= fault.from_day_obs:
            ratio[truth.amplifiers == fault.amplifier] = fault.noise_ratio
    return ratio


def amplifier_pixels(
    image: np.ndarray, name: str, detector: Detector | None = None
) -> np.ndarray:
    """View an amplifier's part of a detector image in the order it is read out.

    Without a detector it is one of ITL: readout goes to the outer corner, amplifiers
    of the upper half see the detector turned by 180 degrees, those of the lower half
    mirrored.
    """
    detector = detector or camera("LSSTComCam").detectors[0]
    box = detector.amplifier_boxes((image.shape[0], image.shape[1]))[name]
    model = detector.amplifiers[name]
    part = image[box.y0 : box.y1, box.x0 : box.x1]
    return part[:: -1 if model.flip_y else 1, :: -1 if model.flip_x else 1]


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
    rng: np.random.Generator, detector: Detector, size: AmplifierSize, *, clean: bool
) -> np.ndarray:
    """Columns of their own level, a rise at the first rows, a faint fixed pattern."""
    ny, nx = size.shape(detector)
    image = rng.normal(0.0, 0.5, (ny, nx)).astype(np.float32)
    rows = np.arange(size.ny, dtype=np.float32)[:, np.newaxis]
    x = np.linspace(-1.0, 1.0, size.nx, dtype=np.float32)
    for name in detector.amplifiers:
        view = amplifier_pixels(image, name, detector)
        view += rng.normal(0.0, 2.0, size.nx).astype(np.float32)
        view += rng.uniform(-3.0, 3.0) * x
        view += rng.uniform(3.0, 8.0) * np.exp(-rows / (0.15 * size.ny))
    column = rng.integers(nx)
    if not clean:
        image[: size.ny, column] += 40.0
    return image


def _dark_current(
    rng: np.random.Generator, detector: Detector, size: AmplifierSize, *, clean: bool
) -> np.ndarray:
    """Thermal current, hot pixels, and one column that is warm all along."""
    ny, nx = size.shape(detector)
    image = np.zeros((ny, nx), dtype=np.float32)
    for name in detector.amplifiers:
        amplifier_pixels(image, name, detector)[...] = rng.uniform(0.02, 0.045)
    hot = rng.random((ny, nx)) < HOT_FRACTION
    current = np.exp(rng.uniform(0.0, np.log(15.0), hot.sum()))
    column = rng.integers(nx)
    if not clean:
        image[hot] += current
        image[ny // 2 :, column] += 0.5
    return image


def _response(
    rng: np.random.Generator,
    detector: Detector,
    size: AmplifierSize,
    *,
    radius: float,
    clean: bool,
) -> np.ndarray:
    """Vignetting over the focal plane, efficiencies, and each pixel's own."""
    ny, nx = size.shape(detector)
    box = detector.box
    y = np.linspace(box.y0, box.y1, ny)[:, np.newaxis]
    x = np.linspace(box.x0, box.x1, nx)
    vignetting = 1.0 - 0.03 * (x**2 + y**2) / radius**2 + 0.01 * x / radius
    pixels = rng.normal(1.0, PIXEL_RESPONSE_SIGMA, (ny, nx))
    image = (vignetting * pixels * rng.normal(1.0, 0.008)).astype(np.float32)
    for name in detector.amplifiers:
        amplifier_pixels(image, name, detector)[...] *= rng.normal(1.0, 0.008)
    dead = rng.random((ny, nx)) < DEAD_FRACTION
    column = rng.integers(nx)
    if not clean:
        image[dead] *= 0.3
        image[: ny // 2, column] *= 0.6
    return image
