import dataclasses

import numpy as np
import pytest
from scipy.signal import fftconvolve

from calibrations.imaging.brighter_fatter import (
    BrighterFatterKernel,
    correct_brighter_fatter,
    fill_from_neighbours,
)
from calibrations.imaging.brighter_fatter_checks import compare_pairs
from calibrations.imaging.brighter_fatter_correlations import (
    Average,
    KernelSettings,
    leading_order,
    mean_correlation,
)
from calibrations.imaging.brighter_fatter_kernels import (
    check_kernel,
    kernel_from_correlation,
    solve_kernels,
    solve_poisson,
)
from calibrations.imaging.brighter_fatter_levels import chance_error, choose_kernels
from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc import FlatPairs
from calibrations.imaging.ptc_models import full_covariance
from calibrations.imaging.ptc_pairs import PairMeasurement, PairSettings, measure_pair
from calibrations.imaging.ptc_solve import solve_ptc

REACH, GAIN, NOISE_ADU = 4, 1.5, 5.0


def change_of_area():
    """By how much a pixel's area changes per electron at each lag; sums to zero."""
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    change = 1.5e-6 / (x**2 + 1.4 * y**2 + 0.5) ** 1.35
    change[REACH, REACH] = 0.0
    change[REACH, REACH] = -change.sum()
    return change


CHANGE = change_of_area()


def expose(level_e, shape, seed, steps=12):
    """Let charge come in steps; what is there changes what each pixel gets of it."""
    rng = np.random.default_rng(seed)
    charge = np.zeros(shape)
    for _ in range(steps):
        # As if half of the step's own light were there already.
        there = charge + 0.5 * level_e / steps
        padded = np.pad(there - there.mean(), REACH, mode="wrap")
        area = 1.0 + fftconvolve(padded, CHANGE, mode="valid")
        charge += rng.poisson(np.clip(level_e / steps * area, 0, None))
    return charge


def flat_pair(level_e, seed, shape=(300, 300)):
    rng = np.random.default_rng(seed + 1000)
    return [
        expose(level_e, shape, seed + i) / GAIN + rng.normal(0, NOISE_ADU, shape)
        for i in (0, 100)
    ]


@pytest.fixture(scope="module")
def flats():
    levels = (800, 8000, 12000, 16000, 20000)
    return [flat_pair(level, seed) for seed, level in enumerate(levels)]


@pytest.fixture(scope="module")
def curve(flats):
    settings = PairSettings(n_lags=REACH + 1)
    pairs = [measure_pair(*pair, settings=settings) for pair in flats]
    n = len(pairs)
    gathered = FlatPairs.gather(
        {"C10": pairs},
        [(2 * i, 2 * i + 1) for i in range(n)],
        noises_adu={"C10": [NOISE_ADU] * n},
        exposure_times_s=range(n),
    )
    return solve_ptc(gathered)[0]


def kernel_of(change):
    return BrighterFatterKernel("C10", solve_poisson(np.pad(-change, 1)), GAIN)


def relaxed(source, n_iterations=4000):
    """Successive over-relaxation, as upstream solves it."""
    field = np.zeros(np.add(source.shape, 2))
    omega = 2 / (1 + np.sin(np.pi / (source.shape[0] + 1)))
    odd = np.indices(source.shape).sum(axis=0) % 2 == 1
    for step in range(n_iterations):
        around = field[2:, 1:-1] + field[:-2, 1:-1] + field[1:-1, 2:] + field[1:-1, :-2]
        inner = field[1:-1, 1:-1]
        residual = around - 4 * inner - source
        inner += np.where(odd == (step % 2 == 1), omega * residual / 4, 0)
    return field[1:-1, 1:-1]


def test_the_kernel_is_the_potential_of_its_charge():
    rng = np.random.default_rng(11)
    source = rng.normal(size=(11, 11))
    kernel = solve_poisson(source)
    around = np.pad(kernel, 1)
    laplacian = (
        around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2]
    ) - 4 * kernel
    np.testing.assert_allclose(laplacian, source, atol=1e-12)
    np.testing.assert_allclose(kernel, relaxed(source), atol=1e-11)


def test_simulated_charge_gives_its_kernel_back(curve):
    truth = kernel_of(CHANGE).kernel
    # The truth adds up to zero; forcing that would gather the noise of all lags.
    settings = KernelSettings(n_lags=REACH + 1, force_zero_sum=False)
    (kernel,) = solve_kernels([curve], settings)
    error = centre_error(settings)
    difference = kernel.kernel - truth
    assert np.abs(difference).max() < 5 * error
    assert abs(truth.min()) > 10 * error
    assert kernel.kernel.argmin() == truth.argmin()
    a00 = CHANGE[REACH, REACH]
    # Equation 16 keeps the first two orders of the effect (15 % here, in all).
    assert abs(curve.a00 - a00) < 5 * curve.a00_error + 0.15 * abs(a00)


def centre_error(settings):
    """Error of the kernel's centre: of each lag 1/(F sqrt(N)), of four bright pairs."""
    n = settings.n_lags
    signals = np.array([8000, 12000, 16000, 20000])
    lag_error = 1 / np.sqrt((signals**2).sum() * 270**2)
    total = 0.0
    for i in range(n):
        for j in range(n):
            one = np.zeros((n, n))
            one[i, j] = np.sqrt(2) if i == j == 0 else 1.0 / np.sqrt(1 + (i > 0 < j))
            total += kernel_from_correlation(one, settings)[n, n] ** 2
    return lag_error * np.sqrt(total)


def test_the_faintest_pairs_spoil_a_plain_mean():
    # Errors go with one over the signal; the truth is one number for all lags.
    rng = np.random.default_rng(15)
    signals = np.geomspace(300, 80000, 40)
    truth, n_pixels = -1e-7, 1e6
    errors = 1 / (signals * np.sqrt(n_pixels))
    noise = rng.normal(size=(40, 8, 8)) * errors[:, np.newaxis, np.newaxis]
    wrong = {
        average: (
            mean_correlation(truth + noise, signals, KernelSettings(average)) - truth
        ).std()
        for average in (Average.WEIGHTED, Average.CLIPPED_MEAN, Average.QUADRATIC)
    }
    ideal = 1 / np.sqrt((1 / errors**2).sum())
    scatter = 5 / np.sqrt(2 * 64)
    assert abs(wrong[Average.WEIGHTED] / ideal - 1) < scatter
    assert wrong[Average.QUADRATIC] < 2 * ideal
    assert wrong[Average.CLIPPED_MEAN] > 5 * ideal


def test_what_grows_with_signal_is_no_part_of_a_kernel():
    a = CHANGE[REACH:, REACH:].T
    none = np.zeros_like(a)
    signals = np.geomspace(300, 40000, 40)
    covariances = full_covariance(signals, a, none, none, gain=1.0)
    q = -covariances
    q[:, 0, 0] += signals
    q /= signals[:, np.newaxis, np.newaxis] ** 2
    settings = KernelSettings()
    mean = mean_correlation(q, signals, settings)
    # Mostly of the brightest pairs, which are off by tens of per cent.
    assert mean[0, 0] < 0.95 * -a[0, 0]
    assert abs(mean[0, 1]) < 0.9 * abs(a[0, 1])
    np.testing.assert_allclose(leading_order(q, signals, settings), -a, rtol=1e-4)
    with pytest.raises(ImageError, match="own square"):
        leading_order(1000 * q, signals, settings)


def weighed(curve, factor):
    """The same curve, of so many more pixels."""
    weights = curve.covariance_sqrt_weights * np.sqrt(factor)
    return dataclasses.replace(curve, covariance_sqrt_weights=weights)


def test_few_pixels_share_a_kernel_and_many_have_their_own(curve):
    settings = KernelSettings(n_lags=REACH + 1)
    kernels, chosen = choose_kernels([weighed(curve, 1000)] * 2, settings)
    assert (chosen.per_detector, chosen.n_kept) == (False, 0)
    np.testing.assert_allclose(
        kernels[0].kernel, solve_kernels([curve], settings)[0].kernel
    )
    # Sixteen amplifiers of a sixteenth of the pixels are as good as one.
    one = chance_error([curve], settings)
    assert chance_error([weighed(curve, 1 / 16)] * 16, settings) == pytest.approx(one)
    limit = settings.max_fraction / 3 * abs(kernels[0].kernel.min())
    few = [weighed(curve, 1.5 * (one / limit) ** 2 / 16)] * 16
    kernels, chosen = choose_kernels(few, settings)
    assert (chosen.per_detector, chosen.n_kept) == (True, REACH + 1)
    assert len({one.kernel.tobytes() for one in kernels}) == 1
    # Fewer still, and lags are left out.
    _, chosen = choose_kernels([weighed(curve, (one / limit) ** 2 / 50)] * 16, settings)
    assert chosen.per_detector
    assert 3 <= chosen.n_kept <= REACH
    bad = dataclasses.replace(curve, bad=True, reason="as a test")
    kernels, _ = choose_kernels([bad], settings)
    assert not kernels[0].valid
    assert "as a test" in kernels[0].reason
    assert chance_error([], settings) == np.inf


def test_the_chance_error_is_the_scatter_of_kernels(curve):
    settings = KernelSettings(n_lags=REACH + 1)
    rng = np.random.default_rng(31)
    signals = (curve.raw_means_adu * curve.gain)[curve.used]
    errors = curve.gain**2 / curve.covariance_sqrt_weights[curve.used]
    lags = np.sqrt((errors**2).sum(axis=0)) / (signals**2).sum()
    n = 400
    kernels = [
        kernel_from_correlation(lags * rng.normal(size=lags.shape), settings)
        for _ in range(n)
    ]
    scatter = np.std(kernels, axis=0)
    scatter[3:-3, 3:-3] = 0.0
    expected = chance_error([curve], settings)
    assert abs(scatter.max() / expected - 1) < 5 / np.sqrt(2 * n)


def test_correction_takes_the_correlations_away(flats, curve):
    kernel = kernel_of(CHANGE)
    settings = PairSettings(n_lags=2)
    before = [measure_pair(*flats[-1], settings=settings)]
    after = [
        measure_pair(
            *(correct_brighter_fatter(f * GAIN, kernel) / GAIN for f in flats[-1]),
            settings=settings,
        )
    ]
    effect = compare_pairs(before, after, gain=GAIN, noise_e=NOISE_ADU * GAIN)
    assert effect.neighbour_before > 5 * effect.neighbour_error
    assert abs(effect.neighbour_after) < 5 * effect.neighbour_error
    assert effect.variance_ratio_before < 1 - 5 * effect.variance_ratio_error
    # The correction is of first order: what is left is the square of the effect.
    left = (1 - effect.variance_ratio_before) ** 2
    ratio = effect.variance_ratio_after
    assert abs(ratio - 1) < 5 * effect.variance_ratio_error + left
    nothing = PairMeasurement.flagged("saturated", 2)
    assert compare_pairs([nothing], after, gain=1.0, noise_e=5.0).n_pairs == 0


def test_correction_keeps_the_sum_and_sharpens_stars():
    y, x = np.mgrid[:61, :61]
    star = 60000 * np.exp(-((x - 30) ** 2 + (y - 30) ** 2) / (2 * 2.0**2)) + 500.0
    kernel = kernel_of(CHANGE)
    sharp = correct_brighter_fatter(star, kernel, threshold=1.0)
    assert sharp.sum(dtype=np.float64) == pytest.approx(star.sum(), rel=1e-6)
    assert sharp[30, 30] > 1.01 * star[30, 30]
    loose = correct_brighter_fatter(star, kernel, threshold=1.0, conserve_flux=False)
    assert loose[30, 30] == pytest.approx(sharp[30, 30], rel=0.05)
    # An even image has nothing to correct, up to its borders.
    even = np.full((40, 50), 30000.0)
    np.testing.assert_allclose(correct_brighter_fatter(even, kernel), even, rtol=1e-6)


def test_masked_pixels_deflect_nothing_and_stay():
    rng = np.random.default_rng(12)
    image = rng.poisson(10000, (60, 60)).astype(float)
    kernel = kernel_of(CHANGE)
    plain = correct_brighter_fatter(image, kernel)
    mask = np.zeros(image.shape, bool)
    mask[30, 30] = True
    spoiled = image.copy()
    spoiled[30, 30], spoiled[10, 10] = 40000, np.nan
    masked = correct_brighter_fatter(spoiled, kernel, mask=mask)
    assert masked[30, 30] == 40000
    assert np.isnan(masked[10, 10])
    far = np.ones(image.shape, bool)
    far[25:36, 25:36] = far[5:16, 5:16] = False
    np.testing.assert_allclose(masked[far], plain[far], atol=30)
    # Left unmasked, a hot pixel tears at its neighbours.
    torn = correct_brighter_fatter(np.nan_to_num(spoiled, nan=1e4), kernel)
    assert abs(torn[30, 31] - plain[30, 31]) > 10 * abs(masked[30, 31] - plain[30, 31])
    filled = fill_from_neighbours(spoiled, mask | np.isnan(spoiled))
    assert abs(filled[30, 30] - 10000) < 5 * 100 / np.sqrt(48)


def test_correlations_become_a_symmetric_padded_kernel():
    correlation = np.array([[5.0, -1.0, -0.2], [-2.0, -0.3, -0.1], [-0.5, -0.1, 0.0]])
    settings = KernelSettings(n_lags=3)
    kernel = kernel_from_correlation(correlation * 1e-6, settings)
    assert kernel.shape == (7, 7)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1])
    around = np.pad(kernel, 1)
    source = (
        around[2:, 1:-1] + around[:-2, 1:-1] + around[1:-1, 2:] + around[1:-1, :-2]
    ) - 4 * kernel
    # Lag along x is the first index there and the second here.
    assert source[3, 4] == pytest.approx(-2e-6)
    assert source[4, 3] == pytest.approx(-1e-6)
    assert source.sum() == pytest.approx(0, abs=1e-18)


def test_bad_kernels_say_why(curve):
    good = kernel_of(CHANGE).kernel
    assert check_kernel(good) == ""
    assert "minimum" in check_kernel(-good)
    assert "minimum" in check_kernel(np.roll(good, 1, axis=0))
    assert "largest value" in check_kernel(good + 0.05 * abs(good.min()))
    rim = good.copy()
    rim[0, 0] = -0.5 * abs(good.min())
    assert "rim" in check_kernel(rim)
    assert "finite" in check_kernel(good * np.nan)
    assert "too small" in check_kernel(np.zeros((5, 5)))
    with pytest.raises(ImageError, match="odd"):
        check_kernel(np.zeros((8, 8)))
    invalid = BrighterFatterKernel("C10", good, GAIN, valid=False, reason="as a test")
    with pytest.raises(ImageError, match="as a test"):
        correct_brighter_fatter(np.zeros((50, 50)), invalid)
    with pytest.raises(ImageError, match="too small"):
        correct_brighter_fatter(np.zeros((5, 50)), kernel_of(CHANGE))
    with pytest.raises(ImageError, match="mask has shape"):
        correct_brighter_fatter(
            np.zeros((50, 50)), kernel_of(CHANGE), mask=np.zeros((2, 2), bool)
        )
    with pytest.raises(ImageError, match="5 lags"):
        solve_kernels([curve], KernelSettings(n_lags=8))
    for average in (Average.A_MATRIX, Average.MODEL):
        settings = KernelSettings(average, n_lags=5)
        (kernel,) = solve_kernels([curve], settings)
        assert "use FULLCOVARIANCE" in kernel.reason
    with pytest.raises(ImageError, match="no pair"):
        mean_correlation(np.empty((0, 3, 3)), np.empty(0), KernelSettings())


def test_a_kernel_for_the_whole_detector_and_its_table(curve):
    settings = KernelSettings(n_lags=5, per_detector=True)
    both = solve_kernels([curve, curve], settings)
    alone = solve_kernels([curve], KernelSettings(n_lags=5))
    np.testing.assert_allclose(both[0].kernel, alone[0].kernel, rtol=1e-9)
    table = BrighterFatterKernel.to_table(alone)
    back = BrighterFatterKernel.from_table(table)["C10"]
    np.testing.assert_array_equal(back.kernel, alone[0].kernel)
    assert (back.gain, back.valid) == (alone[0].gain, alone[0].valid)
