"""Flats: how bright each exposure and each detector was, and what to divide by.

NumPy in, NumPy out. The level of detector *d* in exposure *e* is modelled as
``log B = log E[e] + log G[d]``. Only E is divided out before frames are combined, so a
flat keeps the detector-to-detector shape G and is 1 on average over the focal plane.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.statistics import clipped_statistics

__all__ = ["FlatScales", "measure_flat", "normalise_flats"]

MIN_GOOD_FRACTION = 0.5


@dataclass(frozen=True)
class FlatScales:
    """The solution of ``log B = log E + log G``."""

    exposure: np.ndarray
    """E, level of each exposure over the focal plane; NaN for an unusable one."""

    detector: np.ndarray
    """G, relative response of each detector, weighted mean 1; NaN if unusable."""


def measure_flat(
    image: np.ndarray, mask: np.ndarray, boxes: Mapping[str, Box]
) -> dict[str, float | int]:
    """Measure the level of one flat, for the detector and for each amplifier.

    Parameters
    ----------
    image
        Shape (ny, nx), in electrons, bias and dark subtracted.
    mask
        Same shape, True where a pixel is left out.
    boxes
        Where the amplifiers are; they are numbered in this order.

    Returns
    -------
    dict
        ``DETECTOR_MEDIAN``, ``DETECTOR_SIGMA``, ``DETECTOR_N`` and the same for
        ``AMP_…_{i}``. As upstream, ``MEDIAN`` holds the clipped mean. Where less
        than half of the pixels are good N is 0 and the others NaN: the few that a
        saturated flat leaves are those of little response, and stand for nothing.
    """
    levels: dict[str, float | int] = {}
    regions = {"DETECTOR_{}": (slice(None), slice(None))}
    regions |= {f"AMP_{{}}_{i}": box.slices for i, box in enumerate(boxes.values())}
    for name, where in regions.items():
        stats = clipped_statistics(image[where], mask=mask[where])
        usable = stats.n >= MIN_GOOD_FRACTION * mask[where].size
        levels[name.format("MEDIAN")] = stats.mean_clip if usable else math.nan
        levels[name.format("SIGMA")] = stats.stdev_clip if usable else math.nan
        levels[name.format("N")] = stats.n_clipped if usable else 0
    return levels


def normalise_flats(
    levels: np.ndarray, counts: np.ndarray, *, n_iterations: int = 10
) -> FlatScales:
    """Separate the brightness of exposures from the response of detectors.

    Parameters
    ----------
    levels
        B, shape (n_detectors, n_exposures), in electrons; NaN or not positive where
        a detector could not be measured.
    counts
        Pixels behind each level, same shape; the weights of the averages.
    n_iterations
        How often the two averages alternate.

    Returns
    -------
    FlatScales
        E in electrons, shape (n_exposures,), and G, shape (n_detectors,).
    """
    if levels.shape != counts.shape or levels.ndim != 2:
        raise ImageError(
            f"Flat levels of shape {levels.shape} and counts of shape {counts.shape} "
            "do not describe the same detectors and exposures."
        )
    usable = np.isfinite(levels) & (levels > 0) & (counts > 0)
    if not usable.any():
        raise ImageError(
            "No exposure has a positive level on any detector: these are no flats."
        )
    log_b = np.log(np.where(usable, levels, 1.0))
    weights = np.where(usable, counts, 0).astype(np.float64)
    log_g = np.zeros(levels.shape[0])
    by_detector = weights.sum(axis=1)
    for _ in range(n_iterations):
        log_e = _weighted_mean(log_b - log_g[:, np.newaxis], weights, axis=0)
        log_g = _weighted_mean(log_b - log_e[np.newaxis], weights, axis=1)
        known = by_detector > 0
        log_g -= np.log(np.average(np.exp(log_g[known]), weights=by_detector[known]))
    exposure = np.where(weights.sum(axis=0) > 0, np.exp(log_e), np.nan)
    detector = np.where(by_detector > 0, np.exp(log_g), np.nan)
    return FlatScales(exposure, detector)


def _weighted_mean(values: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """Mean along an axis; 0 where there is no weight."""
    total = weights.sum(axis=axis)
    mean: np.ndarray = (values * weights).sum(axis=axis) / np.where(total, total, 1.0)
    return mean
