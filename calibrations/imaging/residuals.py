"""What is left of an exposure when its calibrations are applied. NumPy in and out.

Statistics carry the names of Rubin's ``cp_verify``. Nothing here passes or fails: the
limits are in `calibrations.domain.criteria`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import signal

from calibrations.imaging.cosmic_rays import find_cosmic_rays, repair_pixels
from calibrations.imaging.isr import ProcessedFrame, mask_bits
from calibrations.imaging.statistics import clipped_statistics, good_values

__all__ = [
    "amplifier_correlations",
    "bias_shifts",
    "corner_mean",
    "detector_statistics",
    "measure_amplifiers",
    "projections",
]

VERIFY_SIGMA = 5.0
VERIFY_PASSES = 3
MASKED = ("DETECTED", "BAD", "NO_DATA")
"""Planes left out of statistics. Saturated pixels stay in: they must be seen."""

SATURATED_FRACTION = 0.5
"""An amplifier with more of its pixels saturated than this measures nothing."""

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
    left_out = (frame.mask & mask_bits(*MASKED)) > 0
    saturated = (frame.mask & mask_bits("SAT")) > 0
    measured: dict[str, dict[str, float | bool]] = {}
    for name, box in frame.boxes.items():
        image, mask = frame.image[box.slices], left_out[box.slices]
        stats = clipped_statistics(
            image, mask=mask, sigma=VERIFY_SIGMA, n_passes=VERIFY_PASSES
        )
        values: dict[str, float | bool] = {
            "MEAN": stats.mean,
            "NOISE": stats.stdev_clip,
        }
        failed = (
            not stats.n
            or not stats.stdev_clip > 0
            or saturated[box.slices].mean() > SATURATED_FRACTION
        )
        if clean_cosmic_rays:
            hits = find_cosmic_rays(np.where(mask, np.nan, image), stats.stdev_clip)
            failed |= hits is None
            cleaned = image if hits is None else repair_pixels(image, hits)
            values["CR_NOISE"] = _scatter(cleaned, mask)
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
    left_out = (frame.mask & mask_bits(*MASKED)) > 0
    values = np.where(left_out, 0.0, np.nan_to_num(frame.image))
    profiles: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, box in frame.boxes.items():
        sums, counts = values[box.slices], ~left_out[box.slices]
        with np.errstate(invalid="ignore", divide="ignore"):
            serial = sums.sum(axis=0) / counts.sum(axis=0)
            parallel = sums.sum(axis=1) / counts.sum(axis=1)
        profiles[name] = (serial.astype(np.float32), parallel.astype(np.float32))
    return profiles


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
        images.append(np.nan_to_num(pixels).ravel())
    overscans = [frame.serial_overscans[name].residual.ravel() for name in names]
    with np.errstate(invalid="ignore", divide="ignore"):
        in_image = np.corrcoef(np.stack(images))
        in_overscan = np.corrcoef(np.stack(overscans))
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


def _scatter(image: np.ndarray, mask: np.ndarray) -> float:
    """Unbiased scatter without clipping."""
    sample = good_values(image, mask)
    return float(sample.std(ddof=1)) if sample.size > 1 else float("nan")
