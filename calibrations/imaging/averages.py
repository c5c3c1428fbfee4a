"""Averages of an image over squares, columns and rows. Compiled, NumPy in and out.

Sums are in float64; what is masked or not finite is left out.
"""

import numpy as np

from calibrations.imaging.compiled import compiled

__all__ = ["average_profiles", "average_squares"]

Array = np.ndarray


def average_squares(
    image: np.ndarray, factor: int, mask: np.ndarray | None
) -> np.ndarray:
    """Average squares of pixels.

    Parameters
    ----------
    image
        Shape (ny, nx), a floating type.
    factor
        Side of the square; those cut by the upper or right edge are smaller.
    mask
        Same shape, True where a pixel is left out; None where none is.

    Returns
    -------
    numpy.ndarray
        float32, shape (ceil(ny / factor), ceil(nx / factor)); NaN where no pixel is
        good.
    """
    ny, nx = image.shape
    out = np.empty((-(-ny // factor), -(-nx // factor)), dtype=np.float32)
    given = np.zeros((1, 1), dtype=bool) if mask is None else mask
    _average_squares(image, factor, given, mask is not None, out)
    return out


def average_profiles(
    image: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average each column and each row.

    Parameters
    ----------
    image
        Shape (ny, nx), a floating type.
    mask
        Same shape, True where a pixel is left out.

    Returns
    -------
    columns, rows
        float32, shapes (nx,) and (ny,); NaN where no pixel is good.
    """
    ny, nx = image.shape
    columns, rows = np.zeros(nx), np.zeros(ny)
    n_columns, n_rows = np.zeros(nx), np.zeros(ny)
    _add_profiles(image, mask, columns, rows, n_columns, n_rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        serial, parallel = columns / n_columns, rows / n_rows
    return serial.astype(np.float32), parallel.astype(np.float32)


@compiled
def _average_squares(
    image: Array, factor: int, mask: Array, is_masked: bool, out: Array
) -> None:
    """Sum row by row into the squares of one row of the result."""
    ny, nx = image.shape
    for j in range(out.shape[0]):
        sums, counts = np.zeros(out.shape[1]), np.zeros(out.shape[1])
        for y in range(j * factor, min((j + 1) * factor, ny)):
            row = image[y]
            for i in range(out.shape[1]):
                for x in range(i * factor, min((i + 1) * factor, nx)):
                    good = abs(row[x]) < np.inf
                    if is_masked:
                        good &= not mask[y, x]
                    sums[i] += np.float64(row[x]) if good else 0.0
                    counts[i] += 1.0 if good else 0.0
        for i in range(out.shape[1]):
            out[j, i] = sums[i] / counts[i]


@compiled
def _add_profiles(
    image: Array,
    mask: Array,
    columns: Array,
    rows: Array,
    n_columns: Array,
    n_rows: Array,
) -> None:
    """Sum and count the good pixels of each column and row."""
    for y in range(image.shape[0]):
        row, left_out = image[y], mask[y]
        total, count = 0.0, 0.0
        for x in range(row.size):
            good = (abs(row[x]) < np.inf) & (not left_out[x])
            v = np.float64(row[x]) if good else 0.0
            n = 1.0 if good else 0.0
            columns[x] += v
            n_columns[x] += n
            total += v
            count += n
        rows[y], n_rows[y] = total, count
