"""Order statistics and clipped sums of one big sample. Compiled, NumPy in and out.

The definition is that of `calibrations.imaging.statistics`. Quantiles are exact: a
float32 is turned into an integer that sorts in the same order, the upper sixteen bits
of all are counted, and then the lower ones of those that share them with a value looked
for. That takes two readings of the sample, whatever its order. Sums run in 64 lanes of
float64, always the same ones, so that every processor adds in the same order.
"""

import numpy as np

from calibrations.imaging.compiled import compiled

__all__ = ["clipped_sums", "good_float32", "order_statistics"]

LANES = 64
SUM, SQUARES, COUNT = (i * LANES for i in range(3))

HALF = 1 << 16
LOWER = HALF - 1
"""Mask of the lower half of a key."""

SIGN = np.int32(31)
FEW = 2048
"""Samples up to this many values are sorted instead of counted."""

CANCELLED = 1e-3
"""Where squares cancel to less than this, they are summed again about the mean."""

Array = np.ndarray


def good_float32(values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Copy the finite, unmasked values.

    Parameters
    ----------
    values
        float32, any shape.
    mask
        Same shape, True where a value is left out; None where none is.

    Returns
    -------
    numpy.ndarray
        One dimension, in the order of ``values``.
    """
    # One shape for the compiler, which makes each kind of array its own code.
    rows = values if values.ndim == 2 else values.reshape(1, -1)
    out = np.empty(values.size, dtype=np.float32)
    if mask is None:
        return out[: _copy_finite(rows, out)]
    return out[: _copy_good(rows, mask.reshape(rows.shape), out)]


def order_statistics(sample: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Give the values that would be at these places, were the sample sorted.

    Parameters
    ----------
    sample
        Shape (n,), float32, finite, C order.
    ranks
        Shape (m,), int64, from 0 to n − 1.

    Returns
    -------
    numpy.ndarray
        Shape (m,), float32.
    """
    if sample.size <= FEW:
        few: np.ndarray = np.sort(sample)[ranks]
        return few
    keys = np.zeros(ranks.size, dtype=np.int32)
    _select(sample.view(np.int32), ranks, keys)
    return keys.view(np.float32)


def clipped_sums(
    sample: np.ndarray, centre: float, limit: float
) -> tuple[float, float, int]:
    """Mean, unbiased variance and number of the values within a limit of a centre.

    Parameters
    ----------
    sample
        Shape (n,), float32, finite, C order.
    centre, limit
        Kept is ``|x - centre| <= limit``.

    Returns
    -------
    mean, variance, count
        NaN where there are too few values to tell.
    """
    mean, variance, count = _sums(sample, centre, limit)
    return float(mean), float(variance), int(count)


@compiled
def _copy_finite(values: Array, out: Array) -> int:
    """Copy what is finite."""
    n = 0
    for y in range(values.shape[0]):
        row = values[y]
        for x in range(row.size):
            v = row[x]
            out[n] = v
            n += 1 if abs(v) < np.inf else 0
    return n


@compiled
def _copy_good(values: Array, mask: Array, out: Array) -> int:
    """Copy what is finite and not masked."""
    n = 0
    for y in range(values.shape[0]):
        row, left_out = values[y], mask[y]
        for x in range(row.size):
            v = row[x]
            out[n] = v
            n += 1 if (abs(v) < np.inf) & (not left_out[x]) else 0
    return n


@compiled
def _key(bits: np.int32) -> int:
    """Give the bits of a float32, as an integer from 0, the order of the number."""
    # numba widens what it computes from int32.
    flipped = np.int32(bits ^ np.int32(np.int32(bits >> SIGN) & np.int32(0x7FFFFFFF)))
    return int(flipped) + 0x80000000


@compiled
def _select(bits: Array, ranks: Array, out: Array) -> None:
    """Find the order statistics by counting, one half of the key at a time."""
    upper = np.zeros(HALF, np.int32)
    for i in range(bits.size):
        upper[_key(bits[i]) >> 16] += 1
    ends = np.cumsum(upper)
    homes = np.searchsorted(ends, ranks, side="right")
    slots = np.full(HALF, -1, np.int32)
    n_slots = 0
    for home in homes:
        if slots[home] < 0:
            slots[home] = n_slots
            n_slots += 1
    lower = np.zeros((n_slots, HALF), np.int32)
    for i in range(bits.size):
        key = _key(bits[i])
        slot = slots[key >> 16]
        if slot >= 0:
            lower[slot, key & LOWER] += 1
    for j in range(ranks.size):
        home = homes[j]
        left = ranks[j] - (ends[home] - upper[home])
        counts, low = lower[slots[home]], 0
        while left >= counts[low]:
            left -= counts[low]
            low += 1
        v = np.int32((int(home) << 16) + low - 0x80000000)
        out[j] = np.int32(v ^ np.int32(np.int32(v >> SIGN) & np.int32(0x7FFFFFFF)))


@compiled
def _sums(sample: Array, centre: float, limit: float) -> tuple[float, float, float]:
    """Sum about the centre, or again about the mean where that cancels too much."""
    total, squares, count = _add_all(sample, centre, limit, centre)
    about_centre = squares
    mean = centre + total / count
    squares -= total * total / count
    if squares < CANCELLED * about_centre:
        total, squares, count = _add_all(sample, centre, limit, mean)
        squares -= total * total / count
        mean += total / count
    return mean, squares / (count - 1.0), count


@compiled
def _add_all(
    sample: Array, centre: float, limit: float, origin: float
) -> tuple[float, float, float]:
    """Sum distances from an origin, and their squares, of what is within the limit."""
    lanes = np.zeros(3 * LANES)
    end = sample.size // (4 * LANES) * (4 * LANES)
    for i in range(0, end, 4 * LANES):
        _add_four(sample[i : i + 4 * LANES], centre, limit, origin, lanes)
    for i in range(end, sample.size):
        v = np.float64(sample[i])
        if abs(v - centre) <= limit:
            k = i % LANES
            lanes[SUM + k] += v - origin
            lanes[SQUARES + k] += (v - origin) * (v - origin)
            lanes[COUNT + k] += 1.0
    total, squares, count = 0.0, 0.0, 0.0
    for k in range(LANES):
        total += lanes[SUM + k]
        squares += lanes[SQUARES + k]
        count += lanes[COUNT + k]
    return total, squares, count


@compiled
def _add_four(
    block: Array, centre: float, limit: float, origin: float, lanes: Array
) -> None:
    """Add four values to each lane."""
    for k in range(LANES):
        a, b = np.float64(block[k]), np.float64(block[k + LANES])
        c, d = np.float64(block[k + 2 * LANES]), np.float64(block[k + 3 * LANES])
        in_a, in_b = abs(a - centre) <= limit, abs(b - centre) <= limit
        in_c, in_d = abs(c - centre) <= limit, abs(d - centre) <= limit
        e, f = (a - origin if in_a else 0.0), (b - origin if in_b else 0.0)
        g, h = (c - origin if in_c else 0.0), (d - origin if in_d else 0.0)
        lanes[SUM + k] = lanes[SUM + k] + e + f + g + h
        lanes[SQUARES + k] = lanes[SQUARES + k] + e * e + f * f + g * g + h * h
        lanes[COUNT + k] = (
            lanes[COUNT + k]
            + (1.0 if in_a else 0.0)
            + (1.0 if in_b else 0.0)
            + (1.0 if in_c else 0.0)
            + (1.0 if in_d else 0.0)
        )
