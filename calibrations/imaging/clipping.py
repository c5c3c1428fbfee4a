"""Clipped mean and variance of many short samples at once. Compiled, NumPy in and out.

The definition is that of `calibrations.imaging.statistics`. Samples are columns of a
block; 256 of them are a chunk that stays in the processor's cache, and loops run along
its columns, which is what lets the compiler use SIMD:

1. float32 becomes an integer that sorts in the same order, because integers have a
   minimum and a maximum without the special case of NaN;
2. columns are sorted by the same comparisons, without a branch: four rows at a time in
   registers, then by merging groups of four in the order of a sorting network
   (Batcher's merge exchange; that merging may take the place of comparing is exercise
   38 of Knuth vol. 3, 5.3.4);
3. the first pass is made on all columns together; of most samples it keeps all, and
   where the next limit is wide of the outermost values no later pass changes anything.
   The other columns are gathered, and make their further passes together as well.

Sums are in float64. Sorted first, they do not depend on the order of the frames.
"""

from functools import lru_cache

import numpy as np

from calibrations.imaging.compiled import compiled

__all__ = ["IQR_TO_SIGMA", "clip_block", "sorting_network"]

IQR_TO_SIGMA = 0.741301109252802
"""Standard deviation of a Gaussian over its interquartile range."""

WIDTH = 256
"""Columns of a chunk: twenty rows of them fill most of a first-level cache. Constant,
so that the compiler knows that the rows of its work arrays do not overlap."""

PITCH = WIDTH + 16
"""Values from one row of a chunk to the next: were it a power of two, the rows of a
column would compete for the same few places of the cache."""

GROUP = 4
"""Rows that are sorted and merged in registers."""

CENTRE, LIMIT, COUNT, SUM, SQUARES, MEAN, VARIANCE = (i * PITCH for i in range(7))
"""Where each row of the work array begins."""

LEFT_OUT = np.int32(0x7FFFFFFF)
"""Key of what is masked or not finite: it sorts last, and reads as NaN."""

SIGN_OFF = np.int32(0x7FFFFFFF)
EXPONENT = np.int32(0x7F800000)

WIDE = 0.99
"""Outermost values below this share of the next limit need no closer look."""

CANCELLED = 1e-3
"""Where squares cancel to less than this, they are summed again about the mean."""


Array = np.ndarray


@lru_cache(maxsize=64)
def sorting_network(n: int) -> np.ndarray:
    """Give the comparisons that sort n values, shape (m, 2).

    The lower index takes the lower value.
    """
    pairs = []
    top = 1 << max(n - 1, 1).bit_length() - 1
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def clip_block(
    samples: np.ndarray,
    *,
    scales: np.ndarray,
    sigma: float,
    n_passes: int,
    of_mean: bool,
    mean: np.ndarray,
    variance: np.ndarray,
    count: np.ndarray,
) -> np.ndarray:
    """Clip the columns of a block and write what is left into the last three arrays.

    Parameters
    ----------
    samples
        Shape (n, m or more), C order; columns past m are not looked at. Of type
        float32, or uint32 holding float32 as FITS stores it, the most significant byte
        first. What is not finite is left out.
    scales
        Shape (n,), float32: each row is divided by its own.
    sigma, n_passes
        As in `calibrations.imaging.statistics.clipped_statistics`.
    of_mean
        Whether to give the variance of the mean, or that of the sample.
    mean, variance, count
        Shape (m,), for the results; NaN and 0 for an empty sample.

    Returns
    -------
    numpy.ndarray
        How many values of each row are finite, shape (n,), int64.
    """
    n_groups = -(-samples.shape[0] // GROUP)
    is_swapped = samples.dtype == np.uint32
    good: np.ndarray = _clip_block(
        samples if is_swapped else samples.view(np.uint32),
        is_swapped,
        scales,
        bool((scales != 1).any()),
        sorting_network(n_groups) * (GROUP * PITCH),
        sigma,
        n_passes,
        of_mean,
        mean,
        variance,
        count,
    )
    return good


@compiled
def _clip_block(
    bits: Array,
    is_swapped: bool,
    scales: Array,
    is_scaled: bool,
    network: Array,
    sigma: float,
    n_passes: int,
    of_mean: bool,
    out_mean: Array,
    out_variance: Array,
    out_count: Array,
) -> Array:
    """Clip chunk by chunk."""
    n, m = bits.shape[0], out_mean.size
    good = np.zeros(n, np.int64)
    n_rows = (n + GROUP - 1) // GROUP * GROUP
    keys = np.full(n_rows * PITCH, LEFT_OUT, np.int32)
    values, some = keys.view(np.float32), np.zeros(n_rows * PITCH, np.float32)
    work, some_work = np.zeros(7 * PITCH), np.zeros(7 * PITCH)
    n_good, is_done = np.zeros(WIDTH, np.int32), np.zeros(WIDTH, np.bool_)
    open_columns = np.zeros(WIDTH, np.int64)
    places, n_some = np.zeros(WIDTH, np.int64), 0
    for start in range(0, m, WIDTH):
        w = min(WIDTH, m - start)
        n_bad = _load(bits, start, w, is_swapped, scales, is_scaled, keys, good)
        _sort(keys, network)
        _as_values(keys)
        _set_out(values, n, n_bad, sigma, work, n_good)
        _pass(values, work)
        if n_passes < 1:
            is_done[:] = False
        else:
            _see_what_is_done(values, n, sigma, work, is_done)
        for k in range(w):
            _write(work, k, start + k, of_mean, out_mean, out_variance, out_count)
        n_open = 0
        for k in range(w):
            open_columns[n_open] = k
            n_open += 0 if is_done[k] else 1
        for k in open_columns[:n_open]:
            if n_passes < 1 or work[COUNT + k] == 0.0:
                _keep_all(values, k, n_good[k], work)
                _write(work, k, start + k, of_mean, out_mean, out_variance, out_count)
                continue
            _gather(values, work, k, some, some_work, n_some)
            places[n_some] = start + k
            n_some += 1
            if n_some == WIDTH:
                _further_passes(some, sigma, n_passes, some_work)
                for j in range(n_some):
                    _write(
                        some_work,
                        j,
                        places[j],
                        of_mean,
                        out_mean,
                        out_variance,
                        out_count,
                    )
                n_some = 0
    _further_passes(some, sigma, n_passes, some_work)
    for j in range(n_some):
        _write(some_work, j, places[j], of_mean, out_mean, out_variance, out_count)
    return good


@compiled
def _write(
    work: Array,
    k: int,
    place: int,
    of_mean: bool,
    out_mean: Array,
    out_variance: Array,
    out_count: Array,
) -> None:
    """Give out the result of one column."""
    n_kept, variance = work[COUNT + k], work[VARIANCE + k]
    out_mean[place] = work[MEAN + k]
    out_variance[place] = variance / n_kept if of_mean else variance
    out_count[place] = np.int32(n_kept)


@compiled
def _swapped(v: np.uint32) -> np.uint32:
    """Turn the bytes of a word round."""
    return (
        (v >> np.uint32(24))
        | ((v >> np.uint32(8)) & np.uint32(0xFF00))
        | ((v << np.uint32(8)) & np.uint32(0xFF0000))
        | (v << np.uint32(24))
    )


@compiled
def _key(v: np.int32) -> np.int32:
    """Give bits of a float32, as an integer, the order of the number."""
    # numba widens what it computes from int32, which would halve SIMD.
    return np.int32(v ^ np.int32(np.int32(v >> np.int32(31)) & SIGN_OFF))


@compiled
def _load(
    bits: Array,
    start: int,
    w: int,
    is_swapped: bool,
    scales: Array,
    is_scaled: bool,
    keys: Array,
    good: Array,
) -> int:
    """Fill a chunk with keys; count what is left out."""
    n_bad = 0
    n, stride = bits.shape
    flat = bits.reshape(n * stride)
    for r in range(n):
        first = r * stride + start
        source, row = flat[first : first + w], keys[r * PITCH : r * PITCH + w]
        if is_swapped and not is_scaled:
            most = np.int32(0)
            for k in range(w):
                v = np.int32(_swapped(source[k]))
                most = max(most, np.int32(v & SIGN_OFF))
                row[k] = _key(v)
        else:
            for k in range(w):
                row[k] = np.int32(_swapped(source[k]) if is_swapped else source[k])
            if is_scaled:
                values = row.view(np.float32)
                for k in range(w):
                    values[k] = values[k] / scales[r]
            most = np.int32(0)
            for k in range(w):
                most = max(most, np.int32(row[k] & SIGN_OFF))
                row[k] = _key(row[k])
        bad = _leave_out(row) if most >= EXPONENT else 0
        good[r] += w - bad
        n_bad += bad
    return n_bad


@compiled
def _leave_out(row: Array) -> int:
    """Mark the keys of infinities and NaN; count them."""
    bad = 0
    for k in range(row.size):
        if (_key(row[k]) & EXPONENT) == EXPONENT:
            row[k] = LEFT_OUT
            bad += 1
    return bad


@compiled
def _sort(keys: Array, network: Array) -> None:
    """Sort every column."""
    size = GROUP * PITCH
    for i in range(0, keys.size, size):
        _sort_group(keys[i : i + size])
    for c in range(network.shape[0]):
        i, j = network[c, 0], network[c, 1]
        _merge_groups(keys[i : i + size], keys[j : j + size])


@compiled
def _sort_group(rows: Array) -> None:
    """Sort four rows, column by column."""
    for k in range(WIDTH):
        a, b = rows[k], rows[k + PITCH]
        c, d = rows[k + 2 * PITCH], rows[k + 3 * PITCH]
        a, b, c, d = min(a, b), max(a, b), min(c, d), max(c, d)
        a, c, b, d = min(a, c), max(a, c), min(b, d), max(b, d)
        rows[k], rows[k + PITCH] = a, min(b, c)
        rows[k + 2 * PITCH], rows[k + 3 * PITCH] = max(b, c), d


@compiled
def _merge_groups(low: Array, high: Array) -> None:
    """Merge two sorted groups of four rows: the lower four into the first."""
    for k in range(WIDTH):
        a, b = low[k], low[PITCH + k]
        c, d = low[2 * PITCH + k], low[3 * PITCH + k]
        e, f = high[k], high[PITCH + k]
        g, h = high[2 * PITCH + k], high[3 * PITCH + k]
        a, e, c, g = min(a, e), max(a, e), min(c, g), max(c, g)
        b, f, d, h = min(b, f), max(b, f), min(d, h), max(d, h)
        c, e = min(e, c), max(e, c)
        d, f = min(f, d), max(f, d)
        low[k], low[PITCH + k] = a, min(b, c)
        low[2 * PITCH + k], low[3 * PITCH + k] = max(b, c), min(d, e)
        high[k], high[PITCH + k] = max(d, e), min(f, g)
        high[2 * PITCH + k], high[3 * PITCH + k] = max(f, g), h


@compiled
def _as_values(keys: Array) -> None:
    """Turn keys back into the bits of float32."""
    for k in range(keys.size):
        keys[k] = _key(keys[k])


@compiled
def _set_out(
    values: Array, n: int, n_bad: int, sigma: float, work: Array, n_good: Array
) -> None:
    """Set out from the median and interquartile range of all good values."""
    for k in range(WIDTH):
        n_good[k] = 0 if n_bad else n
    if not n_bad:
        _quantile(values, n, 0.25, work, SUM)
        _quantile(values, n, 0.50, work, CENTRE)
        _quantile(values, n, 0.75, work, SQUARES)
    else:
        for r in range(n):
            for k in range(WIDTH):
                v = values[r * PITCH + k]
                n_good[k] += np.int32(v == v)
        for k in range(WIDTH):
            work[SUM + k] = _quantile_of_some(values, k, n_good[k], 0.25)
            work[CENTRE + k] = _quantile_of_some(values, k, n_good[k], 0.50)
            work[SQUARES + k] = _quantile_of_some(values, k, n_good[k], 0.75)
    for k in range(WIDTH):
        iqr = work[SQUARES + k] - work[SUM + k]
        work[LIMIT + k] = sigma * IQR_TO_SIGMA * iqr


@compiled
def _interpolate(low: float, high: float, t: float) -> float:
    """Interpolate as numpy does: exact at both ends."""
    step = high - low
    return high - step * (1.0 - t) if t >= 0.5 else low + step * t


@compiled
def _quantile(values: Array, n: int, fraction: float, work: Array, out: int) -> None:
    """One quantile of every column, all of them full."""
    index = fraction * (n - 1)
    i = int(index)
    j = min(i + 1, n - 1)
    lower = values[i * PITCH : (i + 1) * PITCH]
    upper = values[j * PITCH : (j + 1) * PITCH]
    for k in range(WIDTH):
        work[out + k] = _interpolate(
            np.float64(lower[k]), np.float64(upper[k]), index - i
        )


@compiled
def _quantile_of_some(values: Array, k: int, n_good: int, fraction: float) -> float:
    """One quantile of one column with n_good values."""
    last = max(n_good - 1, 0)
    index = fraction * last
    i = int(index)
    j = min(i + 1, last)
    low, high = values[i * PITCH + k], values[j * PITCH + k]
    return _interpolate(np.float64(low), np.float64(high), index - i)


@compiled
def _pass(values: Array, work: Array) -> None:
    """Mean and variance of what is within the limit of the centre, in all columns."""
    for k in range(WIDTH):
        work[COUNT + k] = 0.0
        work[SUM + k] = 0.0
        work[SQUARES + k] = 0.0
    for i in range(0, values.size, GROUP * PITCH):
        _add_rows(values[i : i + GROUP * PITCH], work)
    n_cancelled = np.int32(0)
    for k in range(WIDTH):
        count, about_centre = work[COUNT + k], work[SQUARES + k]
        share = work[SUM + k] / count
        squares = about_centre - work[SUM + k] * share
        work[MEAN + k] = work[CENTRE + k] + share
        work[VARIANCE + k] = squares / (count - 1.0)
        n_cancelled += np.int32(squares < CANCELLED * about_centre)
    if n_cancelled:
        for k in range(WIDTH):
            _sum_again(values, k, work)


@compiled
def _add_rows(rows: Array, work: Array) -> None:
    """Add four rows to the sums, where they are within the limit of the centre."""
    for k in range(WIDTH):
        centre, limit = work[CENTRE + k], work[LIMIT + k]
        a = np.float64(rows[k]) - centre
        b = np.float64(rows[PITCH + k]) - centre
        c = np.float64(rows[2 * PITCH + k]) - centre
        d = np.float64(rows[3 * PITCH + k]) - centre
        in_a, in_b = abs(a) <= limit, abs(b) <= limit
        in_c, in_d = abs(c) <= limit, abs(d) <= limit
        a, b = (a if in_a else 0.0), (b if in_b else 0.0)
        c, d = (c if in_c else 0.0), (d if in_d else 0.0)
        work[SUM + k] = work[SUM + k] + a + b + c + d
        work[SQUARES + k] = work[SQUARES + k] + a * a + b * b + c * c + d * d
        work[COUNT + k] = (
            work[COUNT + k]
            + (1.0 if in_a else 0.0)
            + (1.0 if in_b else 0.0)
            + (1.0 if in_c else 0.0)
            + (1.0 if in_d else 0.0)
        )


@compiled
def _sum_again(values: Array, k: int, work: Array) -> None:
    """Sum one column about its mean instead of its centre."""
    mean, count, total, squares = work[MEAN + k], work[COUNT + k], 0.0, 0.0
    for i in range(k, values.size, PITCH):
        v = np.float64(values[i])
        if abs(v - work[CENTRE + k]) <= work[LIMIT + k]:
            total += v - mean
            squares += (v - mean) * (v - mean)
    work[MEAN + k] = mean + total / count
    work[VARIANCE + k] = (squares - total * total / count) / (count - 1.0)


@compiled
def _keep_all(values: Array, k: int, n_good: int, work: Array) -> None:
    """Mean and variance of all good values of one column."""
    work[CENTRE + k], work[LIMIT + k], work[COUNT + k] = 0.0, np.inf, n_good
    total = 0.0
    for r in range(n_good):
        total += np.float64(values[r * PITCH + k])
    work[MEAN + k] = total / n_good
    _sum_again(values, k, work)


@compiled
def _see_what_is_done(
    values: Array, n: int, sigma: float, work: Array, is_done: Array
) -> None:
    """See which columns no later pass can change."""
    last = values[(n - 1) * PITCH : n * PITCH]
    wide = (WIDE * sigma) ** 2
    for k in range(WIDTH):
        mean = work[MEAN + k]
        reach = max(mean - np.float64(values[k]), np.float64(last[k]) - mean)
        is_done[k] = (work[COUNT + k] == n) & (
            reach * reach <= wide * work[VARIANCE + k]
        )


@compiled
def _gather(
    values: Array, work: Array, k: int, some: Array, some_work: Array, j: int
) -> None:
    """Copy column k of one chunk to column j of another."""
    for i in range(0, values.size, PITCH):
        some[i + j] = values[i + k]
    for i in range(0, work.size, PITCH):
        some_work[i + j] = work[i + k]


@compiled
def _further_passes(values: Array, sigma: float, n_passes: int, work: Array) -> None:
    """Make all passes after the first, in all columns.

    A sample of one has no limit, and a pass may not remove everything: in both cases
    what the pass before has kept stands.
    """
    for _ in range(1, n_passes):
        before = work.copy()
        for k in range(WIDTH):
            work[CENTRE + k] = work[MEAN + k]
            work[LIMIT + k] = sigma * np.sqrt(work[VARIANCE + k])
        _pass(values, work)
        for k in range(WIDTH):
            if not work[COUNT + k] > 0.0:
                work[COUNT + k] = before[COUNT + k]
                work[MEAN + k] = before[MEAN + k]
                work[VARIANCE + k] = before[VARIANCE + k]
