"""Search a combined bias, dark or flat for pixels that are not as their neighbours.

NumPy in, NumPy out. For each amplifier the clipped mean is taken off and what stands
out too far above or below is a defect: by so many standard deviations (``STDEV``), or
by a physical limit (``VALUE``) of 1000 ADU in a bias, 5 electrons a second in a dark,
80 % of the response in a flat (LCA-128; defaults of Rubin's ``cpDefects.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from calibrations.imaging.defect_columns import (
    dilate_rows,
    fill_columns,
    full_columns,
    join_broken_columns,
)
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.statistics import clipped_statistics

__all__ = ["DefectSettings", "FoundDefects", "FrameKind", "find_defects"]

FrameKind = Literal["bias", "dark", "flat"]
PLANE_BLOCK = 64
"""Largest side of the blocks whose medians the gradient of an amplifier is fitted to;
there are four of them each way at least."""


@dataclass(frozen=True)
class DefectSettings:
    """What makes a pixel a defect; names upstream are given in brackets."""

    threshold_type: Literal["STDEV", "VALUE"] = "STDEV"
    n_sigma_bright: float = 4.8
    n_sigma_dark: float = -5.0
    bias_threshold_adu: float = 1000.0
    dark_current_threshold_e_s: float = 5.0
    flat_fraction_threshold: float = 0.8
    """A pixel of a flat with less than this share of the mean is cold."""

    fit_gradient: bool = False
    """Compare a flat with a plane through the amplifier (fitAmpGradient)."""

    on_off_threshold: int = 50
    """See `join_broken_columns` (badOnAndOffPixelColumnThreshold)."""

    gap_threshold: int = 30
    """See `join_broken_columns` (goodPixelColumnGapThreshold)."""

    fill_threshold: int = -1
    """A column of an amplifier with as many bad pixels is bad throughout
    (badPixelsToFillColumnThreshold); not positive: off."""

    saturated_fill_threshold: int = -1
    """The same for saturated pixels (saturatedPixelsToFillColumnThreshold)."""

    saturated_dilation: int = 0
    """Pixels added at each side of saturated ones (saturatedColumnDilationRadius)."""


@dataclass(frozen=True, eq=False)
class FoundDefects:
    """The defects of one frame."""

    mask: np.ndarray
    """Shape (ny, nx), True where a pixel is defective."""

    n_hot: dict[str, int]
    """Pixels above the threshold, before the column steps, for each amplifier."""

    n_cold: dict[str, int]
    """Pixels below the threshold, likewise."""

    n_bad_columns: dict[str, int]
    """Columns of an amplifier that the column steps took for bad."""

    dead: tuple[str, ...] = field(default=())
    """Amplifiers that measure nothing and are defective throughout: no usable pixel,
    no variance, or no light in a flat."""


def find_defects(
    image: np.ndarray,
    boxes: Mapping[str, Box],
    *,
    kind: FrameKind,
    gains: Mapping[str, float],
    unit: Literal["electron", "adu"] = "electron",
    exposure_time_s: float = 1.0,
    unusable: np.ndarray | None = None,
    saturated: np.ndarray | None = None,
    settings: DefectSettings | None = None,
) -> FoundDefects:
    """Find the defects of one combined frame.

    Parameters
    ----------
    image
        Assembled detector, shape (ny, nx).
    boxes
        Amplifiers in ``image``.
    kind
        Says which physical limit holds.
    gains
        Electrons per ADU of every amplifier, to bring limits to the unit of the image.
    unit
        Of a bias, and of a dark times seconds; a flat has none.
    exposure_time_s
        Time over which the dark current of the image gathered: 1 where the image is
        per second.
    unusable
        True where the frame could not be measured. With NaN these are defects.
    saturated
        True where the frame is saturated, for the steps that look at it.
    settings
        Thresholds.

    Notes
    -----
    Both signs are looked for, but for physical limits that have one: dark current
    (too much) and response (too little). Upstream passes over amplifiers without a
    usable pixel, and over biases in the mode STDEV; here the first are defective and
    the second are searched.
    """
    settings = settings or DefectSettings()
    if missing := sorted(set(boxes) - set(gains)):
        raise ImageError(f"No gain is known of amplifier {', '.join(missing)}.")
    if not np.isfinite(exposure_time_s) or exposure_time_s <= 0:
        raise ImageError(f"An exposure time of {exposure_time_s} s sets no threshold.")
    bad = ~np.isfinite(image)
    if unusable is not None:
        bad |= unusable
    mask = bad.copy()
    n_hot, n_cold, dead = {}, {}, []
    for name, box in boxes.items():
        gain = gains[name] if unit == "electron" else 1.0
        per_gain = 1.0 if unit == "electron" else 1.0 / gains[name]
        limits = {
            "bias": settings.bias_threshold_adu * gain,
            "dark": settings.dark_current_threshold_e_s * exposure_time_s * per_gain,
            "flat": settings.flat_fraction_threshold - 1.0,
        }
        found = _search(
            image[box.slices], bad[box.slices], kind, limits[kind], settings
        )
        if found is None:
            mask[box.slices] = True
            n_hot[name] = n_cold[name] = 0
            dead.append(name)
            continue
        hot, cold = found
        mask[box.slices] |= hot | cold
        n_hot[name], n_cold[name] = int(hot.sum()), int(cold.sum())
    alive = {name: box for name, box in boxes.items() if name not in dead}
    mask, n_bad_columns = _look_along_columns(mask, saturated, alive, settings)
    n_bad_columns |= dict.fromkeys(dead, 0)
    return FoundDefects(mask, n_hot, n_cold, n_bad_columns, tuple(dead))


def _search(
    image: np.ndarray,
    bad: np.ndarray,
    kind: FrameKind,
    limit: float,
    settings: DefectSettings,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Find what is too bright and too dark in one amplifier; None where it is dead."""
    stats = clipped_statistics(image, mask=bad)
    level: np.ndarray | float = stats.mean_clip
    if not stats.stdev_clip > 0 or (kind == "flat" and not level > 0):
        return None
    scatter = stats.stdev_clip
    if kind == "flat" and settings.fit_gradient:
        level = _plane(image, bad)
        if not (level > 0).all():
            return None
        scatter = clipped_statistics(image - level, mask=bad).stdev_clip
    with np.errstate(invalid="ignore"):
        excess = image - level
        if settings.threshold_type == "STDEV":
            hot = excess > settings.n_sigma_bright * scatter
            cold = excess < settings.n_sigma_dark * scatter
        else:
            none = np.zeros(image.shape, dtype=bool)
            hot = none if kind == "flat" else excess > limit
            cold = none
            if kind == "flat":
                cold = excess < limit * level
            elif kind == "bias":
                cold = excess < -limit
    return hot & ~bad, cold & ~bad


def _look_along_columns(
    mask: np.ndarray,
    saturated: np.ndarray | None,
    boxes: Mapping[str, Box],
    settings: DefectSettings,
) -> tuple[np.ndarray, dict[str, int]]:
    """Widen, join and fill; upstream's order. Dead amplifiers take no part."""
    lit = np.zeros_like(mask)
    for box in boxes.values():
        lit[box.slices] = True
    outside = mask & ~lit
    mask = mask & lit
    if saturated is None:
        saturated = np.zeros_like(mask)
    if saturated.shape != mask.shape:
        raise ImageError(
            f"The saturated pixels have shape {saturated.shape}, the image "
            f"{mask.shape}."
        )
    mask |= dilate_rows(saturated, settings.saturated_dilation) & lit
    columns = full_columns(mask, boxes, settings.on_off_threshold)
    mask = join_broken_columns(
        mask, min_bad=settings.on_off_threshold, max_gap=settings.gap_threshold
    )
    full = full_columns(mask, boxes, settings.fill_threshold)
    overflowing = full_columns(saturated, boxes, settings.saturated_fill_threshold)
    mask = fill_columns(fill_columns(mask, boxes, full), boxes, overflowing)
    # Each column counts once, whichever step took it.
    n_bad = {
        name: len({*columns[name], *full[name], *overflowing[name]}) for name in boxes
    }
    return mask | outside, n_bad


def _plane(image: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Fit a plane to the medians of blocks of an amplifier."""
    ny, nx = image.shape
    high, wide = (max(1, min(PLANE_BLOCK, size // 4)) for size in (ny, nx))
    centres, medians = [], []
    for y in range(0, ny, high):
        for x in range(0, nx, wide):
            block = np.s_[y : y + high, x : x + wide]
            rows, columns = np.nonzero(~bad[block])
            if rows.size:
                centres.append((1.0, y + rows.mean(), x + columns.mean()))
                medians.append(np.median(image[block][rows, columns]))
    if len(medians) < len(centres[0]):
        return np.full(image.shape, np.median(medians))
    solution, *_ = np.linalg.lstsq(np.array(centres), np.array(medians), rcond=None)
    y_axis, x_axis = np.ogrid[:ny, :nx]
    plane: np.ndarray = solution[0] + solution[1] * y_axis + solution[2] * x_axis
    return plane
