"""Pixels that push charge away: what follows from the model, and from none."""

import numpy as np
import pytest

from calibrations.simulation.charge import (
    area_change,
    collect_light,
    draw_shots,
    true_covariances,
)

A00 = -3.0e-6
LEVEL_E = 60000.0
SHAPE = (256, 256)


def measure(change, level=LEVEL_E, n=16):
    """Covariances of pairs of flats by plain sums, and their error."""
    rng = np.random.default_rng(11)
    total = np.zeros((3, 3))
    for _ in range(n):
        first, second = (
            collect_light(rng, np.full(SHAPE, level, np.float32), change).astype(float)
            for _ in range(2)
        )
        difference = (first - second)[6:-6, 6:-6]
        difference -= difference.mean()
        ny, nx = difference.shape
        for j, i in np.ndindex(3, 3):
            shifted = difference[j:, i:] * difference[: ny - j, : nx - i]
            total[j, i] += 0.5 * shifted.mean() / n
    return total, level / np.sqrt(n * difference.size)


def test_area_only_changes_hands():
    change = area_change(A00)

    assert change[4, 4] == A00
    assert change.sum() == pytest.approx(0.0, abs=1e-20)
    np.testing.assert_array_equal(change, change[::-1, ::-1])
    # A neighbour in the column gains more than one in the row, a corner least.
    assert change[5, 4] > change[4, 5] > change[5, 5] > 0


def test_covariances_follow_from_the_areas_at_any_level():
    change = area_change(A00)
    # To first order C00 = N (1 + a00 N) and C_ij = a_ij N².
    faint = true_covariances(change, 100.0, 3)
    expected = change[4:7, 4:7] * 100.0**2
    expected[0, 0] += 100.0
    np.testing.assert_allclose(faint, expected, rtol=1e-3)

    bright = true_covariances(change, 1e5, 3)
    assert 0.70 < bright[0, 0] / 1e5 < 0.80
    assert bright[1, 0] > bright[0, 1] > 0


def test_flats_have_the_true_covariances_and_not_those_of_independent_pixels():
    change = area_change(A00)
    measured, error = measure(change)
    expected = true_covariances(change, LEVEL_E, 3)
    pull = (measured - expected) / error
    # The error of a variance is √2 that of a covariance; 4.5 of them for 9 numbers.
    pull[0, 0] /= np.sqrt(2)

    assert np.abs(pull).max() < 4.5
    # Without the effect the variance would be that of the light, the rest nothing.
    assert (LEVEL_E - measured[0, 0]) / error > 50
    assert measured[1, 0] / error > 15
    assert measured[0, 1] / error > 5
    none, error = measure(np.zeros(0))
    assert abs(none[0, 0] - LEVEL_E) < 4.5 * np.sqrt(2) * error
    assert np.abs(none[1, 0]) < 4.5 * error


def test_pushed_charge_is_not_lost_and_moves_down_the_slopes():
    light = np.full(SHAPE, 1000.0, np.float32)
    light[100:110, 100:110] += 90000.0
    filled, plain = (
        collect_light(np.random.default_rng(3), light, change)
        for change in (area_change(A00), np.zeros(0))
    )

    # Both drew different noise: the sums agree within that of each.
    assert abs(filled.sum() - light.sum()) < 5 * np.sqrt(light.sum())
    assert abs(plain.sum() - light.sum()) < 5 * np.sqrt(light.sum())
    edge = filled[100:110, 99].mean() - plain[100:110, 99].mean()
    assert edge > 5 * np.sqrt(2 * 1000.0 / 10)


@pytest.mark.parametrize("level", [3.0, 5000.0])
def test_shot_noise_is_that_of_counts(level):
    shots = draw_shots(np.random.default_rng(5), np.full(SHAPE, level, np.float32))
    n = shots.size

    assert abs(shots.mean() - level) < 5 * np.sqrt(level / n)
    assert shots.var() == pytest.approx(level, rel=5 * np.sqrt((2 + 1 / level) / n))
