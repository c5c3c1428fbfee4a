"""What is left of an exposure when its calibrations are applied. NumPy in and out.

Statistics carry the names of Rubin's ``cp_verify``. Nothing here passes or fails: the
limits are in `calibrations.domain.criteria`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import signal

from calibrations.imaging.averages import average_profiles
from calibrations.imaging.cosmic_rays import find_cosmic_rays, repair_pixels
from calibrations.imaging.isr import ProcessedFrame, mask_bits
from calibrations.imaging.spectra import noise_spectrum
from calibrations.imaging.statistics import clipped_statistics, good_values, scatter

__all__ = [
    "amplifier_correlations",
    "bias_shifts",
    "corner_mean",
    "detector_statistics",
    "measure_amplifiers",
    "noise_spectra",
    "projections",
]

VERIFY_SIGMA = 5.0
VERIFY_PASSES = 3
MASKED = ("DETECTED", "BAD", "NO_DATA")
"""Planes left out of statistics. Saturated pixels stay in: they must be seen."""

SATURATED_FRACTION = 0.5
"""An amplifier with more of its pixels saturated than this measures nothing."""

CORRELATED_PIXELS = 1 << 14
"""Pixels of each amplifier that are in memory at once, as float64."""

SHIFT_WINDOW = 30
SHIFT_SKIP_ROWS = 30
SHIFT_THRESHOLD = 3.0


def measure_amplifiers(
    frame: ProcessedFrame, *, clean_cosmic_rays: bool, corner_size: int | None = None
) -> dict[str, dict[str, float | bool]]:
    """Measure each amplifier of a processed frame.

    Parameters
    ----------
    frame
        Calibrated frame, in electrons.
    clean_cosmic_rays
        Also measure ``CR_NOISE``, the plain scatter once cosmic rays are repaired.
    corner_size
        Also measure ``AMP_CORNER`` in a square of this side at the readout corner.

    Returns
    -------
    dict
        For each amplifier ``MEAN`` (plain mean), ``NOISE`` (5 σ clipped scatter) and
        what was asked for, in electrons; ``FORCE_FAILURE`` is True, and only then
        present, where statistics mean nothing: no good pixel, no scatter at all,
        more than half of it saturated, or too much of it bright for cosmic rays.
    """
    masked, saturated = np.uint16(mask_bits(*MASKED)), np.uint16(mask_bits("SAT"))
    measured: dict[str, dict[str, float | bool]] = {}
    for name, box in frame.boxes.items():
        # Amplifier by amplifier, so that copies are small and memory is used again.
        image, planes = frame.image[box.slices], frame.mask[box.slices]
        mask = (planes & masked) > 0
        n_saturated = np.count_nonzero(planes & saturated)
        stats = clipped_statistics(
            image, mask=mask, sigma=VERIFY_SIGMA, n_passes=VERIFY_PASSES
        )
        values: dict[str, float | bool] = {
            "MEAN": stats.mean,
            "NOISE": stats.stdev_clip,
        }
        failed = bool(
            not stats.n
            or not stats.stdev_clip > 0
            or n_saturated > SATURATED_FRACTION * planes.size
        )
        if clean_cosmic_rays:
            hits = find_cosmic_rays(np.where(mask, np.nan, image), stats.stdev_clip)
            failed |= hits is None
            cleaned = image if hits is None else repair_pixels(image, hits)
            values["CR_NOISE"] = scatter(cleaned, mask=mask)
        if corner_size is not None:
            values["AMP_CORNER"] = corner_mean(
                image, mask, frame.readout_corners[name], corner_size
            )
        if failed:
            values["FORCE_FAILURE"] = True
        measured[name] = values
    return measured


def corner_mean(
    image: np.ndarray, mask: np.ndarray, corner: tuple[bool, bool], size: int
) -> float:
    """Mean of a square at the readout corner of one amplifier.

    Parameters
    ----------
    image, mask
        One amplifier; mask is True where a pixel is left out.
    corner
        Whether the amplifier is read at its upper end in x, and in y.
    size
        Side of the square in pixels; at most half of the amplifier either way, so
        that in a small readout window a corner is still a corner.
    """
    ny = min(size, max(1, image.shape[0] // 2))
    nx = min(size, max(1, image.shape[1] // 2))
    high_x, high_y = corner
    rows = slice(-ny, None) if high_y else slice(0, ny)
    columns = slice(-nx, None) if high_x else slice(0, nx)
    sample = good_values(image[rows, columns], mask[rows, columns])
    return float(sample.mean()) if sample.size else float("nan")


def detector_statistics(
    amplifiers: Mapping[str, Mapping[str, float | bool]],
) -> dict[str, float]:
    """``MEAN`` and ``SCATTER`` (unbiased) of the amplifier means of one detector."""
    means = good_values(np.array([stats["MEAN"] for stats in amplifiers.values()]))
    return {
        "MEAN": float(means.mean()) if means.size else float("nan"),
        "SCATTER": float(means.std(ddof=1)) if means.size > 1 else float("nan"),
    }


def bias_shifts(frame: ProcessedFrame) -> dict[str, dict[str, Any]]:
    """Look for jumps of the level along the serial overscan.

    The level of the rows is convolved with an odd triangular kernel, so a step stands
    out against the noise of the rows once slow drifts are filtered away.

    Returns
    -------
    dict
        For each amplifier ``LOCAL_NOISE`` (adu; NaN when there are too few rows) and
        ``BIAS_SHIFTS``, a list of rows where a shift was found.
    """
    numerator, denominator = signal.butter(5, 1 / 15, btype="high")
    shifts: dict[str, dict[str, Any]] = {}
    for name, overscan in frame.serial_overscans.items():
        levels = overscan.levels[SHIFT_SKIP_ROWS:].astype(np.float64)
        if levels.size < 2 * SHIFT_WINDOW:
            shifts[name] = {"LOCAL_NOISE": float("nan"), "BIAS_SHIFTS": []}
            continue
        noise = float(np.std(signal.filtfilt(numerator, denominator, levels)))
        ramp = np.arange(SHIFT_WINDOW, dtype=np.float64)
        kernel = np.concatenate([ramp, -ramp[:0:-1]]) / ramp.sum()
        response = np.abs(np.convolve(levels, kernel, mode="valid"))
        above = response > SHIFT_THRESHOLD * noise if noise > 0 else response > 0
        edges = np.flatnonzero(np.diff(above.astype(np.int8), prepend=0, append=0))
        rows = [
            int(start + np.argmax(response[start:stop]))
            + SHIFT_SKIP_ROWS
            + SHIFT_WINDOW
            for start, stop in zip(edges[::2], edges[1::2], strict=True)
        ]
        shifts[name] = {"LOCAL_NOISE": noise, "BIAS_SHIFTS": rows}
    return shifts


def projections(frame: ProcessedFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean of each column (serial profile) and of each row (parallel profile).

    Returns
    -------
    dict
        For each amplifier two float32 vectors, of nx and of ny values, NaN where a
        whole column or row is masked.
    """
    masked = np.uint16(mask_bits(*MASKED))
    return {
        name: average_profiles(
            frame.image[box.slices], (frame.mask[box.slices] & masked) > 0
        )
        for name, box in frame.boxes.items()
    }


def noise_spectra(frame: ProcessedFrame) -> dict[str, np.ndarray]:
    """Power of each amplifier's noise by frequency, see `noise_spectrum`."""
    masked = np.uint16(mask_bits(*MASKED))
    return {
        name: noise_spectrum(
            frame.image[box.slices], (frame.mask[box.slices] & masked) > 0
        )
        for name, box in frame.boxes.items()
    }


def amplifier_correlations(frame: ProcessedFrame) -> list[dict[str, Any]]:
    """Correlation of every pair of amplifiers, in the image and in the overscan.

    Returns
    -------
    list
        A row for each ordered pair: ``ampName``, ``ampComp``, ``imageCorr`` and
        ``overscanCorr``; pixels are matched by their order of readout.
    """
    names = list(frame.boxes)
    images = []
    for name in names:
        high_x, high_y = frame.readout_corners[name]
        pixels = frame.image[frame.boxes[name].slices]
        pixels = pixels[::-1] if high_y else pixels
        pixels = pixels[:, ::-1] if high_x else pixels
        images.append(pixels)
    in_image = _correlations(images)
    in_overscan = _correlations(
        [frame.serial_overscans[name].residual for name in names]
    )
    return [
        {
            "ampName": one,
            "ampComp": other,
            "imageCorr": float(in_image[i, j]),
            "overscanCorr": float(in_overscan[i, j]),
        }
        for i, one in enumerate(names)
        for j, other in enumerate(names)
    ]


def _correlations(images: Sequence[np.ndarray]) -> np.ndarray:
    """Correlate images of one shape pixel by pixel, a few rows of them at a time.

    What is not finite counts as 0, as upstream has it.
    """
    ny, nx = images[0].shape
    step = max(1, CORRELATED_PIXELS // max(nx, 1))
    levels = np.zeros(len(images))
    products = np.zeros((len(images), len(images)))
    for top in range(0, ny, step):
        rows = np.stack([image[top : top + step].ravel() for image in images])
        rows = rows.astype(np.float64)
        rows[~np.isfinite(rows)] = 0.0
        if not top:
            # Near the mean squares do not cancel; the rest is taken off at the end.
            origin = rows.mean(axis=1)
        rows -= origin[:, np.newaxis]
        levels += rows.sum(axis=1)
        products += rows @ rows.T
    covariance = products - np.outer(levels, levels) / (ny * nx)
    scale = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: np.ndarray = covariance / scale / scale[:, np.newaxis]
    return np.clip(correlation, -1.0, 1.0)
