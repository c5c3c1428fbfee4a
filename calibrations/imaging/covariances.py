"""Covariances of neighbouring pixels in the difference of two flats. NumPy in and out.

All sums over pixel pairs are exact: they are convolutions, and convolutions are
products of Fourier transforms once the image is padded by as many zeros as there are
lags. Of the inverse transform only the rows of the few lags that are wanted are
computed in full. No matrix product is used: threads of a linear algebra library get in
each other's way where several processes share the cores.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from calibrations.imaging.errors import ImageError

__all__ = [
    "Covariances",
    "measure_covariances",
    "pair_sums",
]


@dataclass(frozen=True, eq=False)
class Covariances:
    """Covariances of one image by lag: index 0 along x (serial), 1 along y."""

    values: np.ndarray
    """Shape (n, n), square of the image's unit; NaN where no pixel pair is left."""

    counts: np.ndarray
    """Shape (n, n): pixel pairs that were averaged; both diagonals together."""


def measure_covariances(
    image: np.ndarray, used: np.ndarray, n_lags: int = 10
) -> Covariances:
    """Measure the covariances of pixels up to ``n_lags − 1`` apart.

    Parameters
    ----------
    image
        Shape (ny, nx), any unit; values that are not used may be anything.
    used
        Same shape, True where a pixel takes part.
    n_lags
        Lags along each axis, 0 included.

    Returns
    -------
    Covariances
        ``C[i, j] = <d(x, y) d(x + i, y ± j)> − <d(x, y)> <d(x + i, y ± j)>`` over
        the pairs of used pixels; the two signs are averaged, weighted by pairs. Not
        halved and not corrected for clipping.

    Raises
    ------
    ImageError
        Raised for shapes that do not match or an image no larger than the lags.

    Notes
    -----
    Astier et al. 2019 (A&A 629, A36), section 3; `cp_pipe`'s ``covFft``. Accuracy is
    that of float64 sums: subtract a large mean before.
    """
    if image.ndim != 2 or image.shape != used.shape:
        raise ImageError(
            f"Image and weights must have one shape: {image.shape} and {used.shape}."
        )
    if n_lags < 1 or min(image.shape) <= n_lags:
        raise ImageError(
            f"An image of shape {image.shape} has no covariances at {n_lags} lags."
        )
    weights = used.astype(np.float64)
    signal = np.where(used, image, 0.0).astype(np.float64)
    products, counts, left, right = pair_sums(signal, weights, n_lags)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = products / counts - (left / counts) * (right / counts)
    counts = np.rint(counts)
    usable = counts > 0
    # Lags along y run from −(n − 1) to n − 1: fold the two signs together.
    sums, totals = _fold(np.where(usable, each * counts, 0.0)), _fold(counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Covariances(sums / totals, totals)


def pair_sums(
    signal: np.ndarray, weights: np.ndarray, n_lags: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sum over all pairs of pixels at each lag.

    Parameters
    ----------
    signal
        Shape (ny, nx), zero where the weight is.
    weights
        Same shape, 0 or 1.
    n_lags
        Lags along x, 0 included; along y both signs are given.

    Returns
    -------
    products, counts, left, right
        Shape (n_lags, 2 n_lags − 1), lag along y from −(n_lags − 1): sums of
        ``s s'``, ``w w'``, ``s w'`` and ``w s'``, where the prime is the pixel at the
        lag.
    """
    ny, nx = signal.shape
    shape = (
        fft.next_fast_len(ny + n_lags - 1, real=False),
        fft.next_fast_len(nx + n_lags - 1, real=True),
    )
    of_signal = fft.rfft2(signal, s=shape)
    of_weights = fft.rfft2(weights, s=shape)
    power = of_signal.real**2 + of_signal.imag**2
    window = of_weights.real**2 + of_weights.imag**2
    cross = np.multiply(np.conj(of_signal, out=of_signal), of_weights, out=of_weights)
    left = _correlation(cross, shape, n_lags)
    # The other order of the two is the same at the opposite lags.
    back = np.conj(cross, out=cross)
    return (
        _correlation(power, shape, n_lags),
        _correlation(window, shape, n_lags),
        left,
        _correlation(back, shape, n_lags),
    )


def _correlation(
    spectrum: np.ndarray, shape: tuple[int, int], n_lags: int
) -> np.ndarray:
    """Transform back at the few lags that are wanted, shape (lags in x, in y)."""
    ny, nx = shape
    last = n_lags - 1
    if np.iscomplexobj(spectrum):
        along_y = fft.ifft(spectrum, axis=0)
        rows = np.concatenate([along_y[ny - last :], along_y[:n_lags]])
    else:
        # A real spectrum's transform at opposite lags is conjugate: half the work.
        half = fft.rfft(spectrum, axis=0)[:n_lags] / ny
        rows = np.concatenate([half[:0:-1], np.conj(half)])
    correlation: np.ndarray = fft.irfft(rows, n=nx, axis=1)[:, :n_lags].T
    return correlation


def _fold(sums: np.ndarray) -> np.ndarray:
    """Add lags of both signs along y; lag (0, j) and (i, 0) have one of them."""
    n_lags = sums.shape[0]
    positive = sums[:, n_lags - 1 :].copy()
    negative = sums[:, n_lags - 1 :: -1]
    positive[1:, 1:] += negative[1:, 1:]
    return positive
