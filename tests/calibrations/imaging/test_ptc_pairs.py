import numpy as np
import pytest

from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc_models import symmetrized
from calibrations.imaging.ptc_pairs import (
    FlatExposure,
    PairBy,
    PairSettings,
    measure_pair,
    pair_flats,
)

GAIN, NOISE_ADU, SIGNAL_E, SHAPE = 1.5, 5.0, 30000.0, (300, 280)
SETTINGS = PairSettings(n_lags=4)


def flats(seed=4, shape=SHAPE, level=SIGNAL_E):
    rng = np.random.default_rng(seed)
    return [
        (
            rng.poisson(level * ratio, shape) / GAIN + rng.normal(0, NOISE_ADU, shape)
        ).astype(np.float32)
        for ratio in (1.0, 1.003)
    ]


def test_flats_of_equal_time_are_paired():
    times = {1: 2.0, 2: 2.004, 3: 5.0, 4: 5.0, 7: 2.0, 8: 2.0, 9: 5.0, 10: 2.02}
    exposures = [FlatExposure(i, t) for i, t in times.items()]
    pairs, alone = pair_flats(reversed(exposures))
    assert pairs == [(1, 2), (3, 4), (7, 8)]
    assert alone == [9, 10]  # 2.02 s is no 2 s


def test_flats_of_equal_flux_and_neighbours_are_paired():
    exposures = [FlatExposure(i, 1.0, flux=i % 2) for i in range(1, 5)]
    assert pair_flats(exposures, PairBy.FLUX) == ([(1, 3), (2, 4)], [])
    assert pair_flats(exposures, PairBy.EXPID) == ([(1, 2), (3, 4)], [])
    with pytest.raises(ImageError, match="5 have no flux"):
        pair_flats([*exposures, FlatExposure(5)], PairBy.FLUX)
    with pytest.raises(ImageError, match="given twice"):
        pair_flats([FlatExposure(1, 1.0), FlatExposure(1, 1.0)])


def test_poisson_flats_give_mean_variance_and_no_covariance():
    first, second = flats()
    pair = measure_pair(first, second, noise_adu=NOISE_ADU, settings=SETTINGS)
    assert pair.flag == ""
    n = pair.n_pixels
    mean = SIGNAL_E * 1.0015 / GAIN
    variance = mean / GAIN + NOISE_ADU**2
    assert abs(pair.mean_adu - mean) < 5 * np.sqrt(variance / 2 / n)
    assert abs(pair.variance_adu2 - variance) < 5 * variance * np.sqrt(2 / n)
    pulls = pair.covariances * pair.sqrt_weights
    pulls[0, 0] -= variance * pair.sqrt_weights[0, 0]
    assert np.abs(pulls).max() < 5
    assert 0.6 < pulls.std() < 1.4  # errors are as large as they are said to be
    # The first element is the variance, but for pixels at the clipping limit.
    assert pair.covariances[0, 0] == pytest.approx(pair.variance_adu2, rel=1e-3)
    # Rows: twice the variance over the columns used.
    columns = SHAPE[1] - 2 * (SHAPE[1] // 20)
    expected = 2 * variance / columns
    rows = SHAPE[0] - 2 * (SHAPE[0] // 20)
    assert abs(pair.row_mean_variance / expected - 1) < 5 * np.sqrt(2 / rows)
    assert abs(pair.gain - GAIN) < 5 * GAIN * np.sqrt(2 / n)


def test_what_the_mean_takes_off_covariances_is_put_back():
    # Of 36 by 36 pixels the mean takes 1/1296 of the variance off each of the 360
    # covariances around the first one: 0.28 of it in all.
    rng = np.random.default_rng(21)
    n_pairs, side, settings = 400, 40, PairSettings(n_lags=10)
    sums = []
    for _ in range(n_pairs):
        pair = measure_pair(
            *rng.normal(1000.0, 10.0, (2, side, side)), settings=settings
        )
        sums.append(
            (symmetrized(pair.covariances).sum() - pair.covariances[0, 0]) / 100
        )
    error = np.std(sums) / np.sqrt(n_pairs)
    taken = 360 / (side - 4) ** 2
    assert abs(np.mean(sums)) < 4 * error
    assert taken > 5 * error


def test_a_lag_without_pixel_pairs_leaves_the_others_as_they_are():
    first, second = flats()
    mask = np.zeros(SHAPE, bool)
    mask[:, ::2] = True
    pair = measure_pair(first, second, mask=mask, settings=SETTINGS)
    assert np.isnan(pair.covariances[1::2]).all()
    assert (pair.sqrt_weights[1::2] == 0).all()
    pulls = pair.covariances[::2] * pair.sqrt_weights[::2]
    pulls[0, 0] -= pair.variance_adu2 * pair.sqrt_weights[0, 0]
    assert np.abs(pulls).max() < 5


def test_cosmic_rays_and_bad_rows_change_little():
    first, second = flats()
    clean = measure_pair(first, second, noise_adu=NOISE_ADU, settings=SETTINGS)
    first[100] = np.nan
    second[::37, ::41] += 5000
    mask = np.zeros(SHAPE, bool)
    mask[:, 150:160] = True
    second[mask] = 1e6
    dirty = measure_pair(
        first, second, mask=mask, noise_adu=NOISE_ADU, settings=SETTINGS
    )
    assert dirty.flag == ""
    assert dirty.n_pixels < clean.n_pixels - 2500
    # Fewer pixels move a variance by its error on those that are gone.
    lost = np.sqrt(2 / clean.n_pixels * (clean.n_pixels / dirty.n_pixels - 1))
    change = dirty.variance_adu2 / clean.variance_adu2 - 1
    assert abs(change) < 5 * lost + 1e-3
    # Left in, the rays alone would double it.
    both = np.isfinite(first) & ~mask
    assert np.var((second - first)[both]) / 2 > 1.5 * clean.variance_adu2


def test_what_tells_nothing_is_flagged():
    first, second = flats(shape=(100, 100))
    good = np.ones((100, 100), bool)

    def flag(one, other, **options):
        pair = measure_pair(one, other, settings=SETTINGS, **options)
        assert np.isnan([pair.mean_adu, pair.variance_adu2, pair.gain]).all()
        assert np.isnan(pair.covariances).all()
        return pair.flag

    assert flag(first, second, saturated=good) == "saturated"
    assert "good pixels" in flag(first * np.nan, second)
    assert "good pixels" in flag(first, second, mask=good)
    assert flag(first * 0, second) == "no signal"
    assert flag(first, first) == "zero variance"
    with pytest.raises(ImageError, match="one shape"):
        measure_pair(first, second[1:])
    with pytest.raises(ImageError, match="one shape"):
        measure_pair(first, second, mask=good[1:])


def test_a_pair_is_the_same_whichever_flat_is_first():
    first, second = flats(shape=(120, 130))
    one, other = (
        measure_pair(*x, noise_adu=NOISE_ADU, settings=SETTINGS)
        for x in ((first, second), (second, first))
    )
    assert one.variance_adu2 == pytest.approx(other.variance_adu2, rel=1e-9)
    assert one.gain == pytest.approx(other.gain, rel=1e-9)
    np.testing.assert_allclose(one.covariances, other.covariances, atol=1e-6)
