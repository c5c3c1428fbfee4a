import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.overscan import (
    subtract_parallel_overscan,
    subtract_serial_overscan,
)

NOISE = 5.0
SERIAL = Box(100, 0, 164, 200)
PARALLEL = Box(0, 200, 100, 248)


def make_segment(seed=3):
    """Level that drifts from row to row, with noise; 248 rows, 164 columns."""
    rng = np.random.default_rng(seed)
    levels = 1000 + 30 * np.sin(np.arange(248) / 20)
    return levels, levels[:, None] + rng.normal(0, NOISE, (248, 164))


def test_the_level_of_each_row_is_found_within_the_noise_of_a_median():
    levels, segment = make_segment()
    overscan = subtract_serial_overscan(segment, SERIAL)
    error = overscan.levels - levels
    expected = NOISE * np.sqrt(np.pi / 2 / 58)
    assert abs(error.mean()) < 4 * expected / np.sqrt(248)
    assert error.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * 248))
    assert overscan.mean == pytest.approx(levels.mean(), abs=4 * expected)


def test_the_residual_tells_the_read_noise():
    _, segment = make_segment()
    overscan = subtract_serial_overscan(segment, SERIAL)
    n = overscan.residual.size
    assert n == 248 * 58
    # A row's median takes 1/58 of the variance with it.
    assert overscan.residual_stdev == pytest.approx(
        NOISE * np.sqrt(1 - 1 / 58), rel=4 / np.sqrt(2 * n)
    )


def test_skipped_columns_and_hits_do_not_matter():
    _, segment = make_segment()
    clean = subtract_serial_overscan(segment, SERIAL)
    segment[:, 100:103] += 500
    segment[:, 161:] -= 500
    segment[50, 120:128] += 4000
    struck = subtract_serial_overscan(segment, SERIAL)
    others = np.arange(248) != 50
    # The hit widens the clip a little for every row.
    assert np.abs(struck.levels - clean.levels)[others].max() < NOISE / 20
    assert abs(struck.levels[50] - clean.levels[50]) < NOISE


def test_a_constant_overscan_is_no_trouble():
    overscan = subtract_serial_overscan(np.full((248, 164), 7, np.uint16), SERIAL)
    np.testing.assert_array_equal(overscan.data, 0)
    assert overscan.residual_stdev == 0


def test_columns_are_levelled_by_the_parallel_overscan():
    rng = np.random.default_rng(4)
    columns = rng.normal(0, 20, 164)
    segment = columns + rng.normal(0, NOISE, (248, 164))
    overscan = subtract_parallel_overscan(segment, PARALLEL)
    error = overscan.levels - columns[:100]
    assert error.std() == pytest.approx(
        NOISE * np.sqrt(np.pi / 2 / 42), rel=4 / np.sqrt(200)
    )
    np.testing.assert_array_equal(
        overscan.data[:, 100:], segment[:, 100:].astype(np.float32)
    )


def test_charge_bleeding_into_the_parallel_overscan_is_not_subtracted():
    rng = np.random.default_rng(4)
    segment = rng.normal(0, NOISE, (248, 164))
    segment[:, 30] += 50000
    overscan = subtract_parallel_overscan(segment, PARALLEL)
    assert overscan.levels[30] == 0


def test_an_overscan_too_narrow_to_fit_is_refused():
    with pytest.raises(ImageError, match="has 6 columns"):
        subtract_serial_overscan(np.zeros((10, 20)), Box(14, 0, 20, 10))
    with pytest.raises(ImageError, match="has 4 rows"):
        subtract_parallel_overscan(np.zeros((10, 20)), Box(0, 6, 14, 10))
