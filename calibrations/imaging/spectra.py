"""The noise of an amplifier by frequency, along its rows. NumPy in and out."""

import numpy as np
from scipy import fft

__all__ = ["noise_spectrum", "spectrum_frequencies"]

EVERY_ROW = 8
"""Of 2000 rows 250 are looked at, whose mean scatters by 6 %."""

OUTLIER_SIGMA = 5.0
"""Beyond this a pixel is a cosmic ray or a defect, which is not noise."""

NORMAL = 0.741301109252802
"""A Gaussian's standard deviation over the range of its inner half."""

LEAST_GOOD = 0.5
"""Rows with less of their pixels than this say nothing."""


def noise_spectrum(image: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """Average the power of an amplifier's rows.

    White noise of σ lies at σ² at all frequencies; a tone that repeats every p pixels
    stands out at 1/p, whatever its phase in each row.

    Parameters
    ----------
    image
        What is left of an exposure in one amplifier, shape (ny, nx), in electrons; rows
        in the order of readout or against it.
    masked
        Same shape, True where a pixel is left out.

    Returns
    -------
    numpy.ndarray
        float32, shape (n / 2,) with n the next power of two from nx on, in electron²:
        at the frequencies of `spectrum_frequencies`. NaN where no row has half of its
        pixels.
    """
    rows = image[::EVERY_ROW].astype(np.float32)
    good = ~masked[::EVERY_ROW] & np.isfinite(rows)
    n = 1 << (image.shape[1] - 1).bit_length()
    good[good.mean(axis=1) < LEAST_GOOD] = False
    if not good.any():
        return np.full(n // 2, np.nan, dtype=np.float32)
    # A cosmic ray moves the mean of its row, not the median.
    rows -= np.median(np.where(good, rows, _means(rows, good)), axis=1, keepdims=True)
    low, high = np.percentile(rows[good], (25, 75))
    good &= np.abs(rows) <= OUTLIER_SIGMA * NORMAL * (high - low)
    rows = np.where(good, rows - _means(rows, good), 0.0)
    used = good.any(axis=1)
    waves = fft.rfft(rows[used], n, axis=1)[:, 1:]
    power = (waves.real**2 + waves.imag**2).sum(axis=0, dtype=np.float64)
    return (power / good.sum()).astype(np.float32)


def spectrum_frequencies(n: int) -> np.ndarray:
    """Give the frequencies of n values of a spectrum, in cycles per pixel."""
    return np.arange(1, n + 1) / (2 * n)


def _means(rows: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Mean of what is good in each row, shape (ny, 1); 0 where nothing is."""
    counts = np.maximum(good.sum(axis=1, keepdims=True), 1)
    means: np.ndarray = np.where(good, rows, 0.0).sum(axis=1, keepdims=True) / counts
    return means
