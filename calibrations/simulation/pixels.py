"""From light to digital numbers: what one exposure of one detector reads.

NumPy and SciPy only; nothing of what later measures these pixels is used here.
"""

import numpy as np
from scipy.ndimage import correlate

from calibrations.domain.cameras import camera
from calibrations.simulation.charge import collect_light
from calibrations.simulation.plan import ObservatoryPlan, PlannedExposure
from calibrations.simulation.readout import add_crosstalk, defer_charge, respond
from calibrations.simulation.sky import (
    add_cosmic_rays,
    draw_stars,
    list_cosmic_rays,
    list_stars,
)
from calibrations.simulation.truth import (
    BRIGHTER_FATTER_A00,
    DetectorTruth,
    amplifier_pixels,
    noise_ratio,
)

__all__ = ["expose", "level_drift_adu", "light_level_e"]

ADC_MAX = 2**18 - 1
LEVEL_DRIFT_ADU = 2.0

# A pixel's charge repels what comes after it into its neighbours: none is lost.
BRIGHTER_FATTER = BRIGHTER_FATTER_A00 * np.array(
    [[-0.08, -0.17, -0.08], [-0.17, 1.0, -0.17], [-0.08, -0.17, -0.08]],
    dtype=np.float32,
)


def light_level_e(plan: ObservatoryPlan, exposure: PlannedExposure) -> float:
    """Give the light of an exposure on a pixel of response 1; that of a sky, too."""
    if not exposure.level_e:
        return 0.0
    rng = np.random.default_rng([plan.seed, 2, exposure.id])
    scatter = plan.ptc_fluctuation if exposure.kind == "ptc" else plan.flat_fluctuation
    fluctuation = rng.normal(1.0, scatter)
    return exposure.level_e * exposure.light_ratio * float(fluctuation)


def level_drift_adu(
    plan: ObservatoryPlan, exposure: PlannedExposure, detector_id: int
) -> np.ndarray:
    """Give how far each amplifier's level is off its usual one in an exposure."""
    rng = np.random.default_rng([plan.seed, 3, detector_id, exposure.id])
    n = len(camera(plan.instrument).detector(detector_id).amplifiers)
    return rng.normal(0.0, LEVEL_DRIFT_ADU, n)


def expose(
    plan: ObservatoryPlan, truth: DetectorTruth, exposure: PlannedExposure
) -> np.ndarray:
    """Read out one exposure.

    Returns
    -------
    numpy.ndarray
        ADU in readout order, shape (16, ny, nx) with prescan and overscans (8 for a
        wavefront half), int32, or uint16 where all numbers fit.
    """
    rng = np.random.default_rng([plan.seed, 4, truth.detector, exposure.id])
    charge_e = _collect_charge(rng, plan, truth, exposure)
    detector = camera(plan.instrument).detector(truth.detector)
    layout = plan.size.layout(detector)
    noise_e = truth.nominal_read_noise_e * noise_ratio(plan, truth, exposure.day_obs)
    level_adu = truth.bias_level_adu + level_drift_adu(plan, exposure, truth.detector)
    shape = (len(truth.amplifiers), *layout.raw_shape)
    adu = rng.standard_normal(shape, dtype=np.float32)
    box = layout.data_box
    lit = slice(box.y0, box.y1), slice(box.x0, box.x1)
    signal_e = None
    if charge_e is not None:
        signal_e = np.zeros(shape, dtype=np.float32)
        for number, name in enumerate(truth.amplifiers):
            charge = amplifier_pixels(charge_e, name, detector)
            full_well = np.float32(truth.full_well_e[number])
            signal_e[number][lit] = np.minimum(charge, full_well)
        signal_e = read_out(plan, truth, signal_e)
    for number, name in enumerate(truth.amplifiers):
        gain, frame = truth.gain[number], adu[number]
        frame *= np.float32(noise_e[number] / gain)
        frame += np.float32(level_adu[number])
        frame[lit] += amplifier_pixels(truth.bias_adu, name, detector)
        if signal_e is not None:
            frame += signal_e[number] / np.float32(gain)
    np.rint(adu, out=adu)
    np.clip(adu, 0, ADC_MAX, out=adu)
    return adu.astype(np.uint16 if adu.max() < 2**16 else np.int32)


def read_out(
    plan: ObservatoryPlan, truth: DetectorTruth, signal_e: np.ndarray
) -> np.ndarray:
    """Give what the outputs make of charge, shape (n, ny, nx), in electrons."""
    effects = plan.effects
    if any((*effects.global_cti, *effects.drift_scale, *effects.trap_size_e)):
        signal_e = defer_charge(
            signal_e,
            global_cti=truth.global_cti,
            drift_scale=truth.drift_scale,
            decay_time=truth.decay_time,
            trap_size_e=truth.trap_size_e,
            trap_fraction=truth.trap_fraction,
            trap_time=truth.trap_time,
        )
    if any(effects.nonlinearity):
        for segment, curve in zip(signal_e, truth.nonlinearity, strict=True):
            segment[...] = respond(segment, curve)
    if effects.crosstalk or effects.crosstalk_squared:
        signal_e = add_crosstalk(signal_e, truth.crosstalk, truth.crosstalk_squared)
    return signal_e


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
    mean += _expected_light(plan, truth, exposure)
    if exposure.kind == "flat" and not plan.effects.a00:
        return _older_flat(rng, mean)
    charge = collect_light(rng, mean, truth.area_change)
    if plan.effects.cosmic_rays_per_s:
        rays = list_cosmic_rays(plan, truth.detector, charge.shape, exposure)
        add_cosmic_rays(charge, rays)
    return charge


def _older_flat(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """Give a flat whose fluctuations alone are smoothed: the response is the truth."""
    shot = rng.poisson(mean).astype(np.float32) - mean
    shot += 0.5 * mean * correlate(shot, BRIGHTER_FATTER, mode="nearest")
    return mean + shot


def _expected_light(
    plan: ObservatoryPlan, truth: DetectorTruth, exposure: PlannedExposure
) -> np.ndarray | np.float32:
    """Give the light that should reach each pixel, in electrons."""
    level = light_level_e(plan, exposure)
    if not level:
        return np.float32(0.0)
    light = np.float32(level) * truth.response
    if exposure.image_type == "flat" and truth.tearing.size:
        light *= truth.tearing
    if exposure.kind != "science":
        return light
    effects = plan.effects
    if truth.fringes.size:
        light *= 1.0 + np.float32(effects.fringe_amplitude) * truth.fringes
    if effects.stars:
        stars = np.zeros_like(light)
        places = list_stars(plan, truth.detector, light.shape, exposure.id)
        draw_stars(stars, places, effects.star_sigma)
        light += stars * truth.response
    return light
