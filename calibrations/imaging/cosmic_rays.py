"""Find and repair cosmic rays: hits sharper than light through the optics can be.

NumPy in, NumPy out. After Rubin's finder: a pixel far above its surroundings is a hit
when some pair of opposite neighbours is fainter than a point source of the given width
would make it. Frames without a sky (bias, dark) have a background of zero.
"""

import numpy as np
from scipy import ndimage

__all__ = ["find_cosmic_rays", "repair_pixels"]

OPPOSITE_PAIRS = (
    ((0, 1), (0, -1)),
    ((1, 0), (-1, 0)),
    ((1, 1), (-1, -1)),
    ((1, -1), (-1, 1)),
)
"""Offsets (y, x) of the four pairs of neighbours across a pixel."""

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
    if bright.mean() > MAX_FRACTION:
        return None
    hits = np.zeros(image.shape, dtype=bool)
    y, x = np.nonzero(bright)
    if not y.size:
        return hits
    hits[y, x] = _is_sharp(image, y, x, noise, psf_fwhm)
    if hits.any():
        with np.errstate(invalid="ignore"):
            trail = image > grow_threshold * noise
        hits = ndimage.binary_dilation(
            hits, structure=np.ones((3, 3)), iterations=2, mask=trail | hits
        )
        if n_grow:
            hits = ndimage.binary_dilation(
                hits, structure=np.ones((3, 3)), iterations=n_grow
            )
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
    y, x = np.nonzero(hits)
    if not y.size:
        return repaired
    padded = np.pad(np.where(hits, np.nan, image), radius, constant_values=np.nan)
    side = np.arange(2 * radius + 1)
    boxes = padded[y[:, None, None] + side[:, None], x[:, None, None] + side]
    flat = np.sort(boxes.reshape(len(y), -1), axis=1)
    n_good = np.isfinite(flat).sum(axis=1)
    last = np.maximum(n_good - 1, 0)
    rows = np.arange(len(y))
    values = 0.5 * (flat[rows, last // 2] + flat[rows, (last + 1) // 2])
    rest = image[~hits & np.isfinite(image)]
    fallback = np.median(rest) if rest.size else 0.0
    repaired[y, x] = np.where(n_good > 0, values, fallback)
    return repaired


def _is_sharp(
    image: np.ndarray, y: np.ndarray, x: np.ndarray, noise: float, psf_fwhm: float
) -> np.ndarray:
    """Compare bright pixels with what a point source would do to their neighbours."""
    padded = np.pad(image, 1, mode="edge")
    peak = image[y, x]
    psf_sigma = psf_fwhm / 2.3548
    sharp = np.zeros(y.shape, dtype=bool)
    for (dy1, dx1), (dy2, dx2) in OPPOSITE_PAIRS:
        pair = 0.5 * (
            padded[y + 1 + dy1, x + 1 + dx1] + padded[y + 1 + dy2, x + 1 + dx2]
        )
        expected = np.exp(-(dy1**2 + dx1**2) / (2 * psf_sigma**2))
        # 0.6 and 2.5 σ are the margins of Rubin's finder.
        sharp |= pair + 2.5 * noise / np.sqrt(2) < 0.6 * expected * peak
    return sharp
