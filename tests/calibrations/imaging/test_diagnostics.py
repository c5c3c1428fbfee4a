"""The diagnostics recover what was put in, and say when there is nothing."""

import numpy as np
import pytest

from calibrations.imaging.diagnostics import (
    bright_defects,
    dark_current,
    dark_defects,
    edge_responses,
    overscan_read_noise,
    row_means_variance,
    tearing,
    trend,
)
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box


def test_read_noise_is_that_of_the_overscan():
    rng = np.random.default_rng(1)
    overscan = (15000 + rng.normal(0, 5.0, (400, 64))).astype(np.float32)
    # Charge left behind in the first columns is not noise: the edge leaves it out.
    overscan[:, :2] += 50
    measured = overscan_read_noise(overscan)
    # A box of 400 pixels knows its scatter to 3.5 %; the median of a hundred, in an
    # area of 50 boxes, to 0.6 %: three sigma.
    assert measured == pytest.approx(5.0, rel=0.02)
    assert overscan_read_noise(overscan) == measured
    # Twice the noise is twice the number; none is none.
    assert overscan_read_noise(2 * overscan) == pytest.approx(2 * measured)
    assert overscan_read_noise(np.full((400, 64), 15000.0)) == 0.0
    # A slow drift does not count, as it would in the scatter of the whole.
    drifting = overscan + np.linspace(0, 100, 400)[:, None]
    assert overscan_read_noise(drifting) == pytest.approx(5.2, rel=0.05)
    assert drifting[:, 2:].std() > 25


def test_read_noise_of_small_and_broken_overscans():
    rng = np.random.default_rng(2)
    small = rng.normal(0, 5.0, (40, 16))
    assert overscan_read_noise(small) == pytest.approx(5.0, rel=0.15)
    small[::2] = np.nan
    assert overscan_read_noise(small) == pytest.approx(5.0, rel=0.2)
    assert np.isnan(overscan_read_noise(np.full((40, 16), np.nan)))
    with pytest.raises(ImageError, match="no room for a box"):
        overscan_read_noise(np.zeros((4, 40)))


DATA = Box(3, 0, 53, 100)
SERIAL = Box(53, 0, 73, 100)
PARALLEL = Box(3, 100, 53, 120)


def make_segment(serial_cti, parallel_cti, level=50000.0):
    segment = np.zeros((120, 73))
    segment[:100, 3:53] = level
    segment[:100, 53] = 0.7 * serial_cti * 51 * level
    segment[:100, 54] = 0.3 * serial_cti * 51 * level
    segment[100, 3:53] = parallel_cti * 101 * level
    return segment


def test_edge_responses_are_the_charge_left_behind_each_transfer():
    serial, parallel = edge_responses(make_segment(4e-6, 2e-6), DATA, SERIAL, PARALLEL)
    assert serial == pytest.approx(4e-6)
    assert parallel == pytest.approx(2e-6)
    assert edge_responses(make_segment(0, 0), DATA, SERIAL, PARALLEL) == (0.0, 0.0)
    # A row without numbers is left out, a dark amplifier has no response.
    segment = make_segment(4e-6, 2e-6)
    segment[10] = np.nan
    assert edge_responses(segment, DATA, SERIAL, PARALLEL)[0] == pytest.approx(4e-6)
    assert np.isnan(edge_responses(np.zeros((120, 73)), DATA, SERIAL, PARALLEL)).all()
    none = Box(3, 120, 53, 120)
    assert np.isnan(edge_responses(segment, DATA, SERIAL, none)[1])


def test_dark_current_is_its_median_and_high_tail():
    dark = np.linspace(0, 1, 1001).reshape(7, 143)
    assert dark_current(dark) == pytest.approx((0.5, 0.95))
    mask = dark > 0.5
    assert dark_current(dark, mask)[0] == pytest.approx(0.25)
    assert np.isnan(dark_current(dark, np.ones(dark.shape, bool))).all()


def test_bright_and_dark_defects_are_counted_by_column_and_pixel():
    dark = np.full((300, 50), 0.05)
    dark[5:25, 10] = 5.0  # twenty in a row, at the limit
    dark[5:24, 20] = 9.0  # nineteen
    dark[100, 30] = 4.9
    assert bright_defects(dark) == (1, 19)
    flat = np.ones((300, 50))
    flat[5:105, 10] = 0.79
    flat[5:104, 20] = 0.1
    flat[200, 30] = 0.81
    assert dark_defects(flat) == (1, 99)
    assert bright_defects(np.zeros((300, 50))) == (0, 0)
    assert dark_defects(np.full((300, 50), np.nan)) == (50, 0)


def test_row_means_vary_by_chance_or_more():
    rng = np.random.default_rng(3)
    image = rng.normal(1000, 10, (400, 100))
    variance, ratio = row_means_variance(image)
    # 400 rows know a variance to 7 %: three sigma.
    assert variance == pytest.approx(1.0, rel=0.22)
    assert ratio == pytest.approx(1.0, rel=0.22)
    # Rows that wander by as much as their means double it.
    wandering = image + rng.normal(0, 1.0, 400)[:, None]
    assert row_means_variance(wandering)[1] == pytest.approx(2.0, rel=0.25)
    # Hits of cosmic rays do not.
    image[rng.integers(0, 400, 30), rng.integers(0, 100, 30)] = 60000
    assert row_means_variance(image)[1] == pytest.approx(1.0, rel=0.25)
    assert np.isnan(row_means_variance(np.full((5, 5), np.nan))).all()
    assert np.isnan(row_means_variance(np.ones((400, 100)))[1])
    one = np.ones(image.shape, bool)
    one[0] = False
    assert np.isnan(row_means_variance(image, one)).all()


BOXES = {
    "C10": Box(0, 250, 100, 500),
    "C11": Box(100, 250, 200, 500),
    "C00": Box(0, 0, 100, 250),
    "C01": Box(100, 0, 200, 250),
}
CORNERS = {name: (False, name.startswith("C1")) for name in BOXES}


def make_torn(depth, *, read_from_row=0, seed=4):
    rng = np.random.default_rng(seed)
    flat = 1 + rng.normal(0, 0.004, (500, 200))
    flat *= 1 + 0.05 * np.linspace(-1, 1, 200)  # a slope is no tearing
    # The lower half is torn at the border of its amplifiers, near the readout.
    rows = slice(read_from_row, read_from_row + 200)
    flat[rows, 99] *= 1 - depth
    flat[rows, 100] *= 1 + depth
    return flat


def test_tearing_is_the_step_at_the_border():
    found = tearing(make_torn(0.02), BOXES, CORNERS)
    # 200 rows of 0.4 % know a column to 0.03 %, and the line to less.
    assert found["C00"] == found["C01"] == pytest.approx(0.02, abs=0.0015)
    assert found["C10"] == found["C11"] < 0.0015
    assert tearing(make_torn(0.0), BOXES, CORNERS)["C00"] < 0.0015
    # Rows far from the readout are not looked at.
    assert tearing(make_torn(0.02, read_from_row=215), BOXES, CORNERS)["C00"] < 0.0035
    # The upper half is read from its upper end.
    turned = make_torn(0.02)[::-1]
    assert tearing(turned, BOXES, CORNERS)["C11"] == pytest.approx(0.02, abs=0.0015)


def test_tearing_of_what_cannot_be_measured():
    flat = make_torn(0.02)
    flat[:250, :100] = np.nan
    found = tearing(flat, BOXES, CORNERS)
    assert np.isnan(found["C00"])
    assert np.isnan(found["C01"])
    assert np.isfinite(found["C10"])
    # An amplifier without a neighbour has no border.
    assert tearing(flat, {"C10": BOXES["C10"]}, CORNERS) == {"C10": 0.0}


def test_a_trend_is_a_line_through_what_there_is():
    rng = np.random.default_rng(5)
    days = np.linspace(0, 10, 40)
    values = 1 + 1e-3 * days + rng.normal(0, 1e-3, 40)
    found = trend(days, values)
    assert found["N"] == 40
    # 1e-3 over sqrt(40) and 3 days: 5e-5, three sigma.
    assert found["SLOPE_ERROR"] == pytest.approx(5.3e-5, rel=0.35)
    assert found["SLOPE"] == pytest.approx(1e-3, abs=2e-4)
    assert found["PEAK_TO_PEAK"] > 9e-3
    steady = trend(days, np.ones(40))
    assert steady["SLOPE"] == steady["PEAK_TO_PEAK"] == 0.0
    values[3] = np.nan
    assert trend(days, values)["N"] == 39
    assert np.isnan(trend(days[:2], values[:2])["SLOPE"])
    assert np.isnan(trend(np.zeros(9), np.ones(9))["SLOPE"])
    assert trend(days[:0], values[:0])["N"] == 0
