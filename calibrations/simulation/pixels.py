"""From light to digital numbers: what one exposure of one detector reads.

NumPy and SciPy only; nothing of what later measures these pixels is used here.
"""

import numpy as np
from scipy.ndimage import correlate

from calibrations.simulation.plan import ObservatoryPlan, PlannedExposure
from calibrations.simulation.truth import (
    BRIGHTER_FATTER_A00,
    DetectorTruth,
    amplifier_pixels,
    noise_ratio,
)

__all__ = ["expose", "flat_level_e", "level_drift_adu"]

ADC_MAX = 2**18 - 1
LEVEL_DRIFT_ADU = 2.0

# A pixel's charge repels what comes after it into its neighbours: none is lost.
BRIGHTER_FATTER = BRIGHTER_FATTER_A00 * np.array(
    [[-0.08, -0.17, -0.08], [-0.17, 1.0, -0.17], [-0.08, -0.17, -0.08]],
    dtype=np.float32,
)


def flat_level_e(plan: ObservatoryPlan, exposure: PlannedExposure) -> float:
    """Give the light of an exposure on a pixel of response 1; 0 but for flats."""
    if exposure.kind != "flat":
        return 0.0
    rng = np.random.default_rng([plan.seed, 2, exposure.id])
    fluctuation = rng.normal(1.0, plan.flat_fluctuation)
    return plan.flat_level_e * exposure.light_ratio * float(fluctuation)


def level_drift_adu(
    plan: ObservatoryPlan, exposure: PlannedExposure, detector_id: int
) -> np.ndarray:
    """Give how far each amplifier's level is off its usual one in an exposure."""
    rng = np.random.default_rng([plan.seed, 3, detector_id, exposure.id])
    return rng.normal(0.0, LEVEL_DRIFT_ADU, 16)


def expose(
    plan: ObservatoryPlan, truth: DetectorTruth, exposure: PlannedExposure
) -> np.ndarray:
    """Read out one exposure.

    Returns
    -------
    numpy.ndarray
        ADU in readout order, shape (16, ny, nx) with prescan and overscans, int32, or
        uint16 where all numbers fit.
    """
    rng = np.random.default_rng([plan.seed, 4, truth.detector, exposure.id])
    charge_e = _collect_charge(rng, plan, truth, exposure)
    size = plan.size
    noise_e = truth.nominal_read_noise_e * noise_ratio(plan, truth, exposure.day_obs)
    level_adu = truth.bias_level_adu + level_drift_adu(plan, exposure, truth.detector)
    shape = (len(truth.amplifiers), *size.raw_shape)
    adu = rng.standard_normal(shape, dtype=np.float32)
    lit = slice(0, size.ny), slice(size.prescan, size.prescan + size.nx)
    for number, name in enumerate(truth.amplifiers):
        gain, frame = truth.gain[number], adu[number]
        frame *= np.float32(noise_e[number] / gain)
        frame += np.float32(level_adu[number])
        frame[lit] += amplifier_pixels(truth.bias_adu, name)
        if charge_e is not None:
            charge = amplifier_pixels(charge_e, name)
            full_well = np.float32(truth.full_well_e[number])
            frame[lit] += np.minimum(charge, full_well) / np.float32(gain)
    np.rint(adu, out=adu)
    np.clip(adu, 0, ADC_MAX, out=adu)
    return adu.astype(np.uint16 if adu.max() < 2**16 else np.int32)


def _collect_charge(
    rng: np.random.Generator,
    plan: ObservatoryPlan,
    truth: DetectorTruth,
    exposure: PlannedExposure,
) -> np.ndarray | None:
    """Give the electrons in each pixel of the detector, shot noise included."""
    if exposure.kind == "bias":
        return None
    mean = truth.dark_e_per_s * np.float32(exposure.dark_time_s)
    light = flat_level_e(plan, exposure)
    if not light:
        return rng.poisson(mean).astype(np.float32)
    mean += np.float32(light) * truth.response
    shot = rng.poisson(mean).astype(np.float32) - mean
    # The effect acts on the fluctuations alone, so that the response stays the truth.
    shot += 0.5 * mean * correlate(shot, BRIGHTER_FATTER, mode="nearest")
    return mean + shot
