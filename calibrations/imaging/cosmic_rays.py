"""Find and repair cosmic rays: hits sharper than light through the optics can be.

NumPy in, NumPy out. After Rubin's finder: a pixel far above its surroundings is a hit
when some pair of opposite neighbours is fainter than a point source of the given width
would make it. Frames without a sky (bias, dark) have a background of zero.
"""

import numpy as np

__all__ = ["find_cosmic_rays", "repair_pixels"]

OPPOSITE_PAIRS = (
    ((0, 1), (0, -1)),
    ((1, 0), (-1, 0)),
    ((1, 1), (-1, -1)),
    ((1, -1), (-1, 1)),
)
"""Offsets (y, x) of the four pairs of neighbours across a pixel."""

TRAIL_STEPS = 2
"""How far from its brightest pixels a hit is followed, in pixels."""

MAX_FRACTION = 0.1
"""More of the frame than this is no cosmic ray: the frame is something else."""


def find_cosmic_rays(
    image: np.ndarray,
    noise: float,
    *,
    threshold: float = 6.0,
    grow_threshold: float = 3.0,
    psf_fwhm: float = 3.0,
    n_grow: int = 0,
) -> np.ndarray | None:
    """Find pixels hit by cosmic rays.

    Parameters
    ----------
    image
        One amplifier or detector, background subtracted, shape (ny, nx).
    noise
        Standard deviation of its pixels, in the same unit.
    threshold
        A hit's brightest pixels exceed this many times the noise.
    grow_threshold
        Pixels touching a hit belong to it above this many times the noise.
    psf_fwhm
        Width of the sharpest real feature, in pixels.
    n_grow
        Pixels to add around each hit at the end.

    Returns
    -------
    numpy.ndarray or None
        True where hit, shape (ny, nx); None when too much of the frame is bright for
        the word cosmic ray to mean anything, or when the noise is not positive.
    """
    if not np.isfinite(noise) or noise <= 0:
        return None
    with np.errstate(invalid="ignore"):
        bright = image > threshold * noise
    if np.count_nonzero(bright) > MAX_FRACTION * bright.size:
        return None
    hits = np.zeros(image.shape, dtype=bool)
    y, x = _places(bright)
    if not y.size:
        return hits
    sharp = _is_sharp(image, y, x, noise, psf_fwhm)
    y, x = y[sharp], x[sharp]
    hits[y, x] = True
    for _ in range(TRAIL_STEPS):
        y, x = _neighbours(y, x, image.shape)
        with np.errstate(invalid="ignore"):
            belongs = (image[y, x] > grow_threshold * noise) & ~hits[y, x]
        y, x = y[belongs], x[belongs]
        hits[y, x] = True
    y, x = _places(hits)
    for _ in range(n_grow):
        y, x = _neighbours(y, x, image.shape)
        hits[y, x] = True
    return hits


def repair_pixels(
    image: np.ndarray, hits: np.ndarray, *, radius: int = 2
) -> np.ndarray:
    """Replace pixels by the median of the good ones around them.

    Parameters
    ----------
    image
        Shape (ny, nx).
    hits
        Same shape, True where a pixel is to be replaced.
    radius
        Half width of the square looked at.

    Returns
    -------
    numpy.ndarray
        A repaired copy. Where no pixel around is good, the median of the image.
    """
    repaired = image.copy()
    y, x = _places(hits)
    if not y.size:
        return repaired
    side = np.arange(-radius, radius + 1)
    rows = y[:, None, None] + side[:, None]
    columns = x[:, None, None] + side
    beside = (rows < 0) | (columns < 0)
    beside = beside | (rows >= image.shape[0]) | (columns >= image.shape[1])
    rows = np.clip(rows, 0, image.shape[0] - 1)
    columns = np.clip(columns, 0, image.shape[1] - 1)
    boxes = np.where(beside | hits[rows, columns], np.nan, image[rows, columns])
    flat = np.sort(boxes.reshape(len(y), -1), axis=1)
    n_good = np.isfinite(flat).sum(axis=1)
    last = np.maximum(n_good - 1, 0)
    each = np.arange(len(y))
    values = 0.5 * (flat[each, last // 2] + flat[each, (last + 1) // 2])
    if not n_good.all():
        rest = image[~hits & np.isfinite(image)]
        values[n_good == 0] = np.median(rest) if rest.size else 0.0
    repaired[y, x] = values
    return repaired


def _places(is_there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give rows and columns of what is True: one axis is searched faster than two."""
    y, x = np.divmod(np.flatnonzero(is_there), is_there.shape[1])
    return y, x


def _neighbours(
    y: np.ndarray, x: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Give the pixels around some pixels, and these themselves, within the frame."""
    side = np.array([-1, 0, 1])
    rows = np.broadcast_to(y[:, None, None] + side[:, None], (len(y), 3, 3)).ravel()
    columns = np.broadcast_to(x[:, None, None] + side, (len(x), 3, 3)).ravel()
    inside = (rows >= 0) & (columns >= 0) & (rows < shape[0]) & (columns < shape[1])
    return rows[inside], columns[inside]


def _is_sharp(
    image: np.ndarray, y: np.ndarray, x: np.ndarray, noise: float, psf_fwhm: float
) -> np.ndarray:
    """Compare bright pixels with what a point source would do to their neighbours."""
    peak = image[y, x]
    psf_sigma = psf_fwhm / 2.3548
    sharp = np.zeros(y.shape, dtype=bool)
    for (dy1, dx1), (dy2, dx2) in OPPOSITE_PAIRS:
        pair = 0.5 * (_at(image, y + dy1, x + dx1) + _at(image, y + dy2, x + dx2))
        expected = np.exp(-(dy1**2 + dx1**2) / (2 * psf_sigma**2))
        # 0.6 and 2.5 σ are the margins of Rubin's finder.
        sharp |= pair + 2.5 * noise / np.sqrt(2) < 0.6 * expected * peak
    return sharp


def _at(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Look pixels up; beyond an edge there is the edge."""
    rows = np.clip(y, 0, image.shape[0] - 1)
    pixels: np.ndarray = image[rows, np.clip(x, 0, image.shape[1] - 1)]
    return pixels
