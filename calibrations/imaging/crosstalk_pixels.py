"""Bright pixels and the ghosts they leave in other amplifiers. NumPy in and out.

One exposure at a time: places (in readout order) where some amplifier is bright are
kept, with what every amplifier has there above its own background. What an amplifier
holds of its own, such as the wings of a star, makes a place unusable as its target.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from calibrations.imaging.errors import ImageError
from calibrations.imaging.statistics import IQR_TO_SIGMA

__all__ = ["BrightPixels", "clipped_level", "find_bright_pixels"]

CLIP_SIGMA = 2.0
CLIP_PASSES = 3
CLIP_VARIANCE = 1.354
"""Variance of a mean clipped at 2 σ over that of a plain one, for Gaussian errors:
1 / (P − 2 k φ(k)), P being the probability inside k = 2."""

MIN_GOOD = 50
"""Pixels that make the level of a block."""

OBJECT_FRACTION = 0.01
"""Of the threshold: what stands out by more is the amplifier's own, no ghost. The
cameras' largest coefficient, 1.5e-3, stays below it up to 200 000 electrons."""

OBJECT_SIGMA = 8.0
"""Nor is what stands out by less than this of the background's noise an object."""

FAR_WINGS_FRACTION = 0.1
"""Of the threshold: an own object that stands out by more has far wings."""

GHOST_FRACTION = 0.03
"""Of the threshold: where another amplifier stands out by more there may be a ghost of
an electron, and no background is measured."""


@dataclass(frozen=True, eq=False)
class BrightPixels:
    """The places of one exposure where some amplifier is bright."""

    amplifiers: tuple[str, ...]
    signals: np.ndarray
    """Shape (n amplifiers, n): electrons above the background."""

    levels: np.ndarray
    """Same shape: the background."""

    bright: np.ndarray
    """Same shape: whether the amplifier is a source there."""

    usable: np.ndarray
    """Same shape: whether it is a target there."""

    row_weights: np.ndarray
    """Shape (n, block rows): with ``column_weights``, how a pixel's background is made
    of that of blocks."""

    column_weights: np.ndarray
    level_variances: np.ndarray
    """Shape (n amplifiers, block rows, block columns), electrons squared."""


def find_bright_pixels(
    segments: Mapping[str, np.ndarray],
    *,
    masks: Mapping[str, np.ndarray] | None = None,
    threshold_e: float = 30000.0,
    grow: int = 20,
    block: int = 64,
    max_pixels: int = 2000,
) -> BrightPixels:
    """Find bright pixels of one exposure and what stands there in other amplifiers.

    Parameters
    ----------
    segments
        The light-sensitive part of each amplifier in readout order, all of one shape
        (ny, nx), in electrons, crosstalk uncorrected.
    masks
        Same shapes, True where a pixel is left out (defects; not saturation).
    threshold_e
        A pixel above it is a source.
    grow
        Pixels around a bright object of an amplifier's own, in which it is no target
        and has no background measured; around a faint one a quarter of it.
    block
        Side of the blocks in which the background is measured; between their centres
        and beyond it is a straight line.
    max_pixels
        Of one source and exposure; of more, evenly spread ones are taken.
    """
    names = tuple(segments)
    shapes = {segment.shape for segment in segments.values()}
    if len(shapes) != 1 or len(names) < 2:
        raise ImageError(
            f"Crosstalk is measured between two or more segments of one shape, not "
            f"{len(names)} of shapes {sorted(shapes)}."
        )
    stack = np.stack([np.asarray(segments[n], np.float32) for n in names])
    bad = ~np.isfinite(stack)
    for i, name in enumerate(names):
        if masks is not None and name in masks:
            bad[i] |= masks[name]
    with np.errstate(invalid="ignore"):
        bright = (stack > threshold_e) & ~bad
    own, excluded = _own_and_ghosts(stack, bad, threshold_e, grow)
    rows_of, columns_of = (
        _interpolation(size, max(1, round(size / block))) for size in bright.shape[1:]
    )
    levels, variances = _backgrounds(stack, excluded, rows_of, columns_of)
    where = np.unique(
        np.concatenate([_spread(np.flatnonzero(one), max_pixels) for one in bright])
    )
    flat, flat_levels = (_picked(array, where) for array in (stack, levels))
    is_bad, is_own = _picked(bad, where), _picked(own, where)
    return BrightPixels(
        names,
        np.where(is_bad, np.nan, flat - flat_levels).astype(np.float32),
        flat_levels.astype(np.float32),
        _picked(bright, where),
        ~(is_own | is_bad),
        rows_of[where // bright.shape[2]],
        columns_of[where % bright.shape[2]],
        variances,
    )


def _picked(stack: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Take the same places of every amplifier."""
    picked: np.ndarray = stack.reshape(len(stack), -1)[:, where]
    return picked


def _own_and_ghosts(
    stack: np.ndarray, bad: np.ndarray, threshold_e: float, grow: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tell what each amplifier holds of its own, and where it has no background."""
    above = np.zeros_like(stack)
    own = np.zeros_like(bad)
    for i, (pixels, out) in enumerate(zip(stack, bad, strict=True)):
        if out.all():
            continue
        q25, middle, q75 = np.quantile(pixels[~out], [0.25, 0.5, 0.75])
        above[i] = np.where(out, 0.0, pixels - middle)
        # Where the background is bright its noise must not pass for an object.
        noise = OBJECT_SIGMA * IQR_TO_SIGMA * (q75 - q25)
        own[i] = _grown(above[i] > max(OBJECT_FRACTION * threshold_e, noise), grow // 4)
        own[i] |= _grown(above[i] > FAR_WINGS_FRACTION * threshold_e, grow)
    ghosts = (above > GHOST_FRACTION * threshold_e).any(axis=0)
    return own, bad | own | ghosts


def clipped_level(values: np.ndarray) -> tuple[float, float, int]:
    """Give the level of a sample by the clipping the ghosts themselves undergo.

    Poisson counts are lopsided, and clipping moves their mean by a fifth of an
    electron: it cancels only if ghost and background are clipped alike.

    Returns
    -------
    level, sigma, n
        Clipped mean, robust standard deviation and size of the finite values; NaN for
        fewer than two.
    """
    values = values[np.isfinite(values)].astype(np.float64)
    if values.size < 2:
        return float("nan"), float("nan"), values.size
    q25, centre, q75 = np.quantile(values, [0.25, 0.5, 0.75])
    sigma = IQR_TO_SIGMA * (q75 - q25)
    for _ in range(CLIP_PASSES):
        kept = values[np.abs(values - centre) <= CLIP_SIGMA * sigma]
        if not kept.size:
            break
        centre = kept.mean()
    return float(centre), float(sigma), values.size


def _grown(bright: np.ndarray, radius: int) -> np.ndarray:
    """Tell the pixels no further than so many from a bright one."""
    if not bright.any():
        return bright
    near: np.ndarray = distance_transform_edt(~bright) <= radius
    return near


def _backgrounds(
    stack: np.ndarray,
    excluded: np.ndarray,
    rows_of: np.ndarray,
    columns_of: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Background of every amplifier, and its variance in each block."""
    n, ny, nx = stack.shape
    rows, columns = rows_of.shape[1], columns_of.shape[1]
    y = np.arange(ny) * rows // ny
    x = np.arange(nx) * columns // nx
    levels = np.full((n, rows, columns), np.nan)
    variances = np.full((n, rows, columns), np.nan)
    for i in range(n):
        for r in range(rows):
            for c in range(columns):
                where = np.ix_(y == r, x == c)
                values = stack[i][where][~excluded[i][where]]
                if values.size < MIN_GOOD:
                    continue
                level, sigma, size = clipped_level(values)
                levels[i, r, c] = level
                variances[i, r, c] = CLIP_VARIANCE * sigma**2 / size
        levels[i], variances[i] = _filled(levels[i], variances[i])
    smooth = np.einsum("yr,irc,xc->iyx", rows_of, levels, columns_of, optimize=True)
    return smooth, variances


def _interpolation(size: int, n_blocks: int) -> np.ndarray:
    """Give the weights of blocks at each pixel, shape (size, n_blocks).

    They make a straight line between the centres of neighbours, and on beyond.
    """
    if n_blocks == 1:
        return np.ones((size, 1))
    at = (np.arange(size) + 0.5) * n_blocks / size - 0.5
    low = np.clip(np.floor(at).astype(np.intp), 0, n_blocks - 2)
    weights = np.zeros((size, n_blocks))
    pixels = np.arange(size)
    weights[pixels, low] = 1.0 - (at - low)
    weights[pixels, low + 1] = at - low
    return weights


def _filled(levels: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give blocks without a level that of the nearest that has one."""
    missing = ~np.isfinite(levels)
    if not missing.any() or missing.all():
        return levels, variances
    nearest = distance_transform_edt(
        missing, return_distances=False, return_indices=True
    )
    index = tuple(nearest)
    return levels[index], variances[index]


def _spread(where: np.ndarray, n: int) -> np.ndarray:
    """Take so many, evenly spread."""
    if where.size <= n:
        return where
    return where[np.linspace(0, where.size - 1, n).astype(np.intp)]
